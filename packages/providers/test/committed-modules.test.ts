import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { httpApiModule, verifyModule } from '../src/index.js'
import { compiled, IO_HTTP } from './support/http-host.js'

const assets = new URL('../../assets/', import.meta.url)
const digests = readFileSync(new URL('digests.json', assets), 'utf8')
const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

test('every committed module has a digest beside it that is its own', () => {
  const found = readdirSync(assets)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => [name, sha256(readFileSync(new URL(name, assets)))])
  expect(Object.fromEntries(found)).toEqual(JSON.parse(digests))
})

test('http_api is handed out with its name, its bytes and their digest', () => {
  const bytes = readFileSync(new URL('http_api.wasm', assets))
  expect(httpApiModule()).toEqual({ name: 'http_api', bytes, digest: sha256(bytes) })
})

test('a module with any one bit changed is refused', () => {
  const bytes = readFileSync(new URL('http_api.wasm', assets))
  for (let at = 0; at < bytes.length; at += 613) {
    const tampered = Uint8Array.from(bytes)
    tampered[at]! ^= 1 << (at % 8)
    expect(() => verifyModule('http_api', tampered, digests)).toThrow(
      `http_api.wasm has the digest ${sha256(tampered)}, but digests.json says ${sha256(bytes)}: ` +
        'install @latchgate/providers again',
    )
  }
})

test('a module without a digest is refused', () => {
  expect(() => verifyModule('other', new Uint8Array(), digests)).toThrow(
    `other.wasm has the digest ${sha256(new Uint8Array())}, but digests.json says undefined: ` +
      'install @latchgate/providers again',
  )
})

test('http_api imports one request and nothing else: no clock, no randomness, no memory', () => {
  expect(WebAssembly.Module.imports(compiled)).toEqual([
    { module: IO_HTTP, name: 'request', kind: 'function' },
  ])
  expect(WebAssembly.Module.exports(compiled).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['memory', 'execute', 'cabi_realloc', 'cabi_post_execute']),
  )
})

// The tools are 100 MB and in nobody's default install; who has them checks modules against sources.
if (existsSync(new URL('../../build/node_modules', import.meta.url))) {
  test('a new build of the sources is identical to the committed modules', () => {
    const script = fileURLToPath(new URL('../../build/main.mjs', import.meta.url))
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
  }, 120_000)
}
