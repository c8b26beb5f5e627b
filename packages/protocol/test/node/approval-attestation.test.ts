import { expect, test } from 'vitest'
import type { AttestationClaims } from '../../src/index.js'
import { DPoPKeyPair, signAttestation, verifyAttestation } from '../../src/node/index.js'
import { keyA } from './test-keys.js'

const NOW = 1_767_225_601

const CLAIMS: AttestationClaims = {
  aud: 'gate.example/prod',
  approval_id: '0198c0de-1111-7000-8000-00000000000a',
  plan_hash: 'ab'.repeat(32),
  decision: 'approve',
  reason: null,
  learn: { domain: 'api.example.com' },
  iat: NOW,
  jti: 'one',
}

const EXPECTED = {
  audience: CLAIMS.aud,
  approvalId: CLAIMS.approval_id,
  planHash: CLAIMS.plan_hash,
  decision: 'approve',
  jkt: keyA().thumbprint,
  nowSeconds: NOW,
} as const

test("an operator's decision verifies, and reads back as it was signed", () => {
  expect(verifyAttestation(signAttestation(CLAIMS, keyA()), EXPECTED)).toEqual({
    ok: true,
    value: CLAIMS,
  })
})

test.each([
  [
    'log',
    { aud: 'gate.example/test' },
    "it is for the log 'gate.example/test', this is 'gate.example/prod'",
  ],
  ['approval', { approval_id: 'x' }, "it is for the approval 'x'"],
  ['plan', { plan_hash: 'ac'.repeat(32) }, 'it is for another plan: look at the call again'],
  ['decision', { decision: 'deny' }, "it says 'deny'"],
] as const)('one for another %s is a mismatch', (_what, change, reason) => {
  const signed = signAttestation({ ...CLAIMS, ...change }, keyA())
  expect(verifyAttestation(signed, EXPECTED)).toEqual({
    ok: false,
    error: { kind: 'mismatch', reason },
  })
})

test('one by another key, or changed by a byte, is invalid', async () => {
  const stranger = await DPoPKeyPair.generate()
  expect(verifyAttestation(signAttestation(CLAIMS, stranger), EXPECTED)).toEqual({
    ok: false,
    error: { kind: 'invalid', reason: "it is signed by another key than the operator's" },
  })
  const good = signAttestation(CLAIMS, keyA())
  const [header, payload = '', signature] = good.split('.')
  const forged = Buffer.from(payload, 'base64url').toString().replace('"approve"', '"approvE"')
  const changed = [header, Buffer.from(forged).toString('base64url'), signature].join('.')
  expect(verifyAttestation(changed, EXPECTED)).toMatchObject({
    error: { kind: 'invalid', reason: 'its signature does not verify' },
  })
})

test('a proof of possession by the same key is no decision', () => {
  const proof = keyA().signProof({ method: 'POST', url: 'http://localhost/v1' })
  expect(verifyAttestation(proof, EXPECTED)).toMatchObject({
    error: { kind: 'invalid', reason: "its typ is not 'latchgate-approval+jwt'" },
  })
})

test.each([
  [601, 'it was signed 601 s ago: sign it anew, and compare the clocks'],
  [-61, 'it was signed -61 s ago: sign it anew, and compare the clocks'],
])('one signed %s s ago is too old or too new', (age, reason) => {
  const signed = signAttestation({ ...CLAIMS, iat: NOW - age }, keyA())
  expect(verifyAttestation(signed, EXPECTED)).toMatchObject({ error: { reason } })
})

test.each(['', 'a.b', 'a.b.c', 'x'.repeat(3000), '..'])('%j is none', (text) => {
  expect(verifyAttestation(text, EXPECTED)).toMatchObject({ error: { kind: 'invalid' } })
})

test('an unknown member of learn is not passed over: it would be signed and not done', () => {
  const learn = { domain: 'a.example', forever: true } as unknown as AttestationClaims['learn']
  const signed = signAttestation({ ...CLAIMS, learn }, keyA())
  expect(verifyAttestation(signed, EXPECTED)).toMatchObject({
    error: { reason: 'its claim learn is missing or wrong' },
  })
})
