import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { loadPolicy } from '@open-policy-agent/opa-wasm'
import { expect, test } from 'vitest'
import { defaultPolicy, verifyPolicy } from '../src/index.js'

const root = new URL('../../', import.meta.url)
const digests = readFileSync(new URL('assets/digests.json', root), 'utf8')

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

test('the default policy is the committed module and carries its digest', () => {
  const policy = defaultPolicy()
  expect(policy.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(policy.digest).toBe(sha256(policy.wasm))
  expect(Buffer.from(policy.wasm.subarray(0, 4)).toString('latin1')).toBe('\0asm')
})

test('a module of which one bit was changed is refused', () => {
  const changed = Uint8Array.from(defaultPolicy().wasm)
  changed[1000] = (changed[1000] ?? 0) ^ 1
  expect(() => verifyPolicy(changed, digests)).toThrow(/policy\.wasm has the digest sha256:/)
})

test('a digest document without the module is refused', () => {
  expect(() => verifyPolicy(defaultPolicy().wasm, '{}')).toThrow(/digests\.json says undefined/)
})

test('the committed module was compiled from the committed rules', () => {
  const committed = JSON.parse(digests) as Record<string, unknown>
  const source = readFileSync(new URL('rego/latchgate.rego', root))
  expect(committed['latchgate.rego']).toBe(sha256(source))
})

test('the rules do not read what they say they do not read', () => {
  const source = readFileSync(new URL('rego/latchgate.rego', root), 'utf8')
  const read = new Set([...source.matchAll(/\binput\.([a-z_]+)/g)].map(([, member]) => member))
  expect(read).toContain('principal')
  for (const member of defaultPolicy().unread) expect(read).not.toContain(member)
  // Every other use of `input` names the member as a text: object.get(input, "unresolved_paths", []).
  const whole = [...source.matchAll(/\binput\b(?!\.)(.{0,25})/g)].map(([, rest]) => rest)
  for (const rest of whole) expect(rest).toMatch(/^, "unresolved_(paths|domains)"/)
})

test('the rules need no builtin of the SDK, so that every engine evaluates the same code', async () => {
  const loaded = await loadPolicy(defaultPolicy().wasm.slice().buffer)
  const instance = loaded.wasmInstance as { exports: unknown }
  const exports = instance.exports as Record<string, (...args: number[]) => number>
  const memory = new Uint8Array(loaded.mem.buffer)
  const at = exports.opa_json_dump!(exports.builtins!())
  expect(Buffer.from(memory.subarray(at, memory.indexOf(0, at))).toString()).toBe('{}')
})

test('the module names its source by its name alone: it was built the same wherever the tree lay', () => {
  const text = Buffer.from(defaultPolicy().wasm).toString('latin1')
  expect(text.match(/[^\0]*latchgate\.rego/g)).toEqual(['latchgate.rego'])
})
