import { readFileSync } from 'node:fs'
import { defaultPolicy } from '@latchgate/policy'
import type { Json } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { PolicyDataError } from '../../src/policy/data-document.js'
import { PolicyFault, type PolicyInput } from '../../src/policy/engine.js'
import { createRegoEngine } from '../../src/policy/rego-wasm.js'
import { data, dataWith, request } from './request.js'

const fixture = new URL('../../../test/policy/fixtures/echo.wasm', import.meta.url)
const echo = { wasm: readFileSync(fixture), digest: 'sha256:echo', unread: [] }

// The fixture decides what the parameters say.
function asked(params: Json): PolicyInput {
  return { ...request, params }
}

function unavailable(): unknown {
  return expect.objectContaining({ name: 'PolicyFault', code: 'policy_engine_unavailable' })
}

test('the engine carries the digest of the rules and the version of the data', () => {
  const engine = createRegoEngine(data)
  expect(engine.digest).toBe(defaultPolicy().digest)
  expect(engine.version).toBe('team-12')
})

test('no matching rule is a denial that says so', async () => {
  const engine = createRegoEngine(data, echo)
  expect(await engine.decide(asked({}))).toEqual({
    kind: 'deny',
    reason: 'embedded policy returned undefined (no matching rule)',
    code: null,
    version: null,
  })
})

test('a decision that grants more than was requested is refused on its way out of the engine', async () => {
  const engine = createRegoEngine(data, echo)
  const decision = { allow: true, allowed_sinks: ['smtp'], policy_version: 'v1' }
  expect(await engine.decide(asked({ decision }))).toEqual({
    kind: 'deny',
    reason: "policy contract violation: allowed_sinks has 'smtp', which was not requested",
    code: null,
    version: 'v1',
  })
})

test('an evaluator that crashes denies with a fault, and the next call is decided', async () => {
  const engine = createRegoEngine(data, echo)
  await expect(engine.decide(asked({ crash: true }))).rejects.toEqual(unavailable())
  const allow = { allow: true, allowed_sinks: [] }
  expect(await engine.decide(asked({ decision: allow }))).toMatchObject({ kind: 'allow' })
})

test('an input that does not fit into the evaluator is a fault, and the next call is decided', async () => {
  const engine = createRegoEngine(data, echo)
  // Two megabytes of JSON: more than the 64 MiB that an evaluator may have.
  const numbers = Array.from({ length: 1_000_000 }, () => 0)
  await expect(engine.decide(asked({ numbers }))).rejects.toEqual(unavailable())
  expect(engine.memoryBytes).toBe(0)
  expect((await engine.decide(asked({}))).kind).toBe('deny')
})

test('what the rules do not read does not reach the evaluator', async () => {
  const engine = createRegoEngine(data)
  const start = engine.memoryBytes
  const numbers = Array.from({ length: 1_000_000 }, () => 0)
  expect((await engine.decide(asked({ numbers }))).kind).toBe('allow')
  expect(engine.memoryBytes).toBe(start)
})

test('a decision is made on the document of the latest setData', async () => {
  const engine = createRegoEngine(data)
  expect((await engine.decide(request)).kind).toBe('allow')
  engine.setData({ policy_version: 'team-13', acl: {} })
  expect(engine.version).toBe('team-13')
  expect(await engine.decide(request)).toMatchObject({ kind: 'deny', version: 'team-13' })
  engine.setData({ ...data, policy_version: 'team-14' })
  expect(await engine.decide(request)).toMatchObject({ kind: 'allow', version: 'team-14' })
})

test('a decision that is under way sees the old document or the new one, never both', async () => {
  const engine = createRegoEngine(data)
  const before = engine.decide(request)
  engine.setData({ policy_version: 'team-13', acl: {} })
  const after = engine.decide(request)
  expect(await before).toMatchObject({ kind: 'allow', version: 'team-12' })
  expect(await after).toMatchObject({ kind: 'deny', version: 'team-13' })
})

test('an invalid document is refused and the old one stays in force', async () => {
  const engine = createRegoEngine(data)
  const wrong = dataWith({ allowlist: [] })
  expect(() => engine.setData(wrong)).toThrow(PolicyDataError)
  expect(engine.version).toBe('team-12')
  expect((await engine.decide(request)).kind).toBe('allow')
})

test('an engine is not created on an invalid document', () => {
  expect(() => createRegoEngine({ acl: {} })).toThrow(/`policy_version` is missing/)
})

test('an engine is not created on something that is not a module', () => {
  expect(() =>
    createRegoEngine(data, { wasm: new Uint8Array([1, 2, 3]), digest: 'x', unread: [] }),
  ).toThrow()
})

test('health is an evaluation, and a closed engine has none', async () => {
  const engine = createRegoEngine(data)
  expect(await engine.healthy()).toBe(true)
  await engine.close()
  expect(await engine.healthy()).toBe(false)
  await expect(engine.decide(request)).rejects.toBeInstanceOf(PolicyFault)
})

test('memory stays flat over 50,000 decisions with large inputs among them', async () => {
  const engine = createRegoEngine(data, echo)
  const limit = engine.memoryBytes + (4 << 20)
  const numbers = asked(Array.from({ length: 50_000 }, (_, index) => index))
  const text = asked({ text: 'x'.repeat(1 << 20) })
  const small = asked({ decision: { allow: true } })
  for (let count = 1; count <= 50_000; count += 1) {
    const input = count % 500 === 0 ? numbers : count % 500 === 250 ? text : small
    const decision = await engine.decide(input)
    if (decision.kind !== (input === small ? 'allow' : 'deny')) throw new Error(decision.kind)
    if (engine.memoryBytes > limit) throw new Error(`${engine.memoryBytes} bytes after ${count}`)
  }
  await engine.decide(small)
  expect(engine.memoryBytes).toBeLessThan(limit)
}, 60_000)

test('the same small input never grows the memory', async () => {
  const engine = createRegoEngine(data)
  await engine.decide(request)
  const start = engine.memoryBytes
  for (let count = 0; count < 20_000; count += 1) await engine.decide(request)
  expect(engine.memoryBytes).toBe(start)
}, 30_000)

test('two thousand evaluators thrown away one after the other are given back', async () => {
  const engine = createRegoEngine(data, echo)
  for (let count = 0; count < 2000; count += 1) {
    await expect(engine.decide(asked({ crash: true }))).rejects.toEqual(unavailable())
  }
  expect(await engine.decide(asked({}))).toMatchObject({ kind: 'deny' })
}, 60_000)
