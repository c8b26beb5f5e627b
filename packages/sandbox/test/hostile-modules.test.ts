import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSandbox } from '../src/create-sandbox.js'
import { ExecutionAborted, type Sandbox } from '../src/types.js'
import { ANSWER, RecordingHost, taskFor } from './support/tasks.js'

const MODULES = new URL('../../test/modules/', import.meta.url)
const file = (name: string): Uint8Array => readFileSync(new URL(name, MODULES))
const input = JSON.stringify({ url: 'https://a.example/x', method: 'GET', headers: { a: 'b' } })

let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await createSandbox()
})

afterAll(async () => {
  await sandbox.close()
})

test('each committed module is the one whose digest is committed, and none is without', () => {
  const digests = JSON.parse(Buffer.from(file('digests.json')).toString()) as unknown
  const found = readdirSync(MODULES)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => [name, `sha256:${createHash('sha256').update(file(name)).digest('hex')}`])
  expect(Object.fromEntries(found)).toEqual(digests)
})

test.each([
  ['trap', 'trap: divide by zero'],
  ['endless-loop', 'fuel_exhausted: used all of 100000000 instructions'],
  ['memory-hog', 'memory_limit: 257 pages, 256 are allowed'],
  ['deep-recursion', 'depth_limit: the calls are nested too deeply'],
  ['bad-output', 'invalid_output: the module returned something that is not JSON'],
  ['huge-output', 'output_too_large: 1048576 bytes, at most 65536'],
])('%s ends the same way each time, for the same fuel', async (name, failure) => {
  const { digest } = await sandbox.register(file(`${name}.wasm`))
  const outcomes = await Promise.all([1, 2, 3].map(() => sandbox.run(taskFor(digest, { input }))))
  const ends = outcomes.map((one) => (one.ok ? one.output : `${one.failure}: ${one.message}`))
  expect(ends).toEqual([failure, failure, failure])
  expect(new Set(outcomes.map((one) => one.fuelConsumed)).size).toBe(1)
})

const planned = { method: 'GET', url: 'https://a.example/x', headers: [['a', 'b']], body: null }

test.each([
  ['second-request', [planned, planned]],
  ['different-request', [{ ...planned, url: 'https://a.example/y' }]],
  ['different-method', [{ ...planned, method: 'DELETE' }]],
  ['different-header', [{ ...planned, headers: [...planned.headers, ['x-extra', '1']] }]],
  ['different-body', [{ ...planned, body: Uint8Array.from(Buffer.from('GET')) }]],
])('%s asks the host for just that, and the host can end it there', async (name, asked) => {
  const { digest } = await sandbox.register(file(`${name}.wasm`))
  const host = new RecordingHost(() =>
    host.requests.length < asked.length
      ? Promise.resolve(ANSWER)
      : Promise.reject(new ExecutionAborted('plan_mismatch', 'not the plan')),
  )
  const outcome = await sandbox.run(taskFor(digest, { input, host }))
  expect(outcome).toMatchObject({ ok: false, failure: 'plan_mismatch', message: 'not the plan' })
  expect(host.requests).toEqual(asked.map((one) => ({ ...one, timeoutMs: 30_000 })))
})

// The tools are 100 MB and in nobody's default install; who has them checks modules against sources.
if (existsSync(new URL('../../../providers/build/node_modules', import.meta.url))) {
  test('a new build of the sources is identical to the committed modules', () => {
    const script = fileURLToPath(new URL('../../build/test-modules.mjs', import.meta.url))
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
  }, 120_000)
}
