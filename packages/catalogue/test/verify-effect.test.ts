import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Manifest, verifyEffect } from '../src/index.js'
import { manifest } from './manifest-text.js'

const OK: JsonObject = { ok: true, data: { status_code: 200 } }
const verified = (http_status: number): object => ({
  status: 'verified',
  evidence: { http_status, host_corroborated: true },
})
const failed = (reason: string): object => ({ status: 'verification_failed', reason })

test('an action without a verifier is declared unverifiable, whatever came back', () => {
  const none = manifest({ verifier_kind: 'none' })
  for (const status of [null, 200, 500]) {
    expect(verifyEffect(none, { status, body: null }, OK)).toEqual({
      status: 'unverifiable_declared',
    })
  }
})

const statuses: readonly (readonly [readonly number[], number, boolean])[] = [
  [[], 199, false],
  [[], 200, true],
  [[], 204, true],
  [[], 299, true],
  [[], 300, false],
  [[], 301, false],
  [[], 404, false],
  [[], 500, false],
  [[201], 200, false],
  [[201], 201, true],
  [[200, 404], 404, true],
]

for (const [expected, status, accepted] of statuses) {
  test(`${status} is ${accepted ? 'accepted' : 'not accepted'} where [${expected.join()}] is expected`, () => {
    const outcome = verifyEffect(expecting({ expected_status: expected }), seen(status), {})
    expect(outcome).toEqual(
      accepted ? verified(status) : failed(`HTTP status ${status} is not in the accepted set`),
    )
  })
}

test('without an answer that the host saw nothing is verified, whatever the provider says', () => {
  expect(verifyEffect(expecting({}), { status: null, body: null }, OK)).toEqual(
    failed('the host observed no HTTP response'),
  )
})

const reports: readonly (readonly [string, Json, Json | undefined])[] = [
  ['status', { status: 201 }, 201],
  ['status_code', { status_code: 201 }, 201],
  ['data.status_code', { data: { status_code: 201 } }, 201],
  ['a text', { status: '200' }, '"200"'],
  ['the first of two', { status: 500, data: { status_code: 200 } }, 500],
]

for (const [title, output, shown] of reports) {
  test(`a provider that contradicts the host is not believed: ${title}`, () => {
    expect(verifyEffect(expecting({}), seen(200), output)).toEqual(
      failed(`provider reported HTTP ${String(shown)} but host observed HTTP 200`),
    )
  })
}

test('a provider that reports nothing contradicts nothing', () => {
  for (const output of [{}, { data: 'x' }, null, [], 'text'] as Json[]) {
    expect(verifyEffect(expecting({}), seen(200), output)).toEqual(verified(200))
  }
})

const fields: readonly (readonly [string, string, string, string | null])[] = [
  ['a member', 'id', '{"id":1}', null],
  ['false, which is a value', 'ok', '{"ok":false}', null],
  ['zero', 'n', '{"n":0}', null],
  ['the empty text', 's', '{"s":""}', null],
  ['a path', 'a.b.c', '{"a":{"b":{"c":"x"}}}', null],
  ['an item of a list', 'items.0.id', '{"items":[{"id":1}]}', null],
  ['a member with a dot, which a path cannot name', 'a.b', '{"a.b":1}', "field 'a.b' missing"],
  ['null, which is no evidence', 'id', '{"id":null}', "required field 'id' missing"],
  ['an inherited member', 'constructor', '{}', "required field 'constructor' missing"],
  ['the length of a text', 's.length', '{"s":"abc"}', "required field 's.length' missing"],
  ['a member of a list', 'id', '[{"id":1}]', "required field 'id' missing"],
  ['a member of a scalar', 'id', '1', "required field 'id' missing"],
  ['text that is not JSON', 'id', 'ok', 'the response body is not JSON'],
  ['nothing', 'id', '', 'the response body is not JSON'],
  ['JSON with a tail', 'id', '{"id":1}}', 'the response body is not JSON'],
]

for (const [title, path, body, reason] of fields) {
  test(`required '${path}' in ${title} is ${reason === null ? 'there' : 'not there'}`, () => {
    const of = expecting({ required_fields: [path] })
    const outcome = verifyEffect(of, seen(200, body), OK)
    if (reason === null) expect(outcome).toEqual(verified(200))
    else expect(outcome).toEqual(failed(expect.stringContaining(reason) as string))
  })
}

test('required fields are looked for in what the upstream sent, not in what the provider returns', () => {
  const of = expecting({ required_fields: ['ok'] })
  expect(verifyEffect(of, seen(200, '{"id":1}'), OK)).toEqual(
    failed("required field 'ok' missing from response body"),
  )
  expect(verifyEffect(of, { status: 200, body: null }, OK)).toEqual(
    failed('the response body is not JSON'),
  )
})

test('a body that is not UTF-8 is not JSON', () => {
  const body = Uint8Array.from([0x22, 0xff, 0x22])
  expect(verifyEffect(expecting({ required_fields: ['a'] }), { status: 200, body }, OK)).toEqual(
    failed('the response body is not JSON'),
  )
})

test('nothing is verified that the host did not see accepted', () => {
  const status = fc.option(fc.integer({ min: 100, max: 599 }))
  const body = fc.option(
    fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    ),
  )
  fc.assert(
    fc.property(
      status,
      body,
      fc.jsonValue(),
      fc.array(fc.integer({ min: 100, max: 599 })),
      (seenStatus, bytes, output, expected) => {
        const of = expecting({ expected_status: [...new Set(expected)] })
        const outcome = verifyEffect(of, { status: seenStatus, body: bytes }, output as Json)
        if (outcome.status !== 'verified') return
        expect(seenStatus).not.toBeNull()
        if (expected.length > 0) expect(expected).toContain(seenStatus)
        else expect(Math.floor((seenStatus ?? 0) / 100)).toBe(2)
      },
    ),
  )
})

function expecting(verification_config: JsonObject): Manifest {
  return manifest({ verification_config })
}

function seen(status: number, body = ''): { status: number; body: Uint8Array } {
  return { status, body: new TextEncoder().encode(body) }
}
