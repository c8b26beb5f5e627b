import { expect, test } from 'vitest'
import { receiptDecisions } from '../../src/approvals/receipt-decisions.js'
import { MAX_DECISIONS_BYTES } from '../../src/pipeline/record-size.js'

function decision(operator: string, attestation?: string): Record<string, string> {
  return {
    operator,
    operator_sender_binding: 'k'.repeat(43),
    operator_proof_jti: `jti-of-${operator}`,
    ...(attestation === undefined ? {} : { attestation }),
  }
}

test('an attestation stands in the receipt; without one the proof of the request is named as what it is', () => {
  expect(receiptDecisions([decision('alice', 'jws'), decision('bob')])).toEqual([
    { operator: 'alice', jkt: 'k'.repeat(43), decision: 'granted', attestation: 'jws' },
    { operator: 'bob', jkt: 'k'.repeat(43), decision: 'granted', dpop_proof_jti: 'jti-of-bob' },
  ])
})

test('an operator who decided twice stands there once, with his last decision', () => {
  const twice = [decision('alice', 'first'), decision('bob'), decision('alice', 'second')]
  expect(
    receiptDecisions(twice).map(({ operator, attestation }) => [operator, attestation]),
  ).toEqual([
    ['alice', 'second'],
    ['bob', undefined],
  ])
})

test('five decisions with the longest attestations fit into what a receipt keeps free for them', () => {
  const five = ['a', 'b', 'c', 'd', 'e'].map((name) => decision(name.repeat(64), 'x'.repeat(2048)))
  const decisions = receiptDecisions(five)
  expect(Buffer.byteLength(JSON.stringify(decisions))).toBeLessThanOrEqual(MAX_DECISIONS_BYTES)
  expect(
    decisions.map((one) => ['attestation', 'attestation_sha256'].filter((name) => name in one)),
  ).toEqual([
    ['attestation'],
    ['attestation_sha256'],
    ['attestation_sha256'],
    ['attestation_sha256'],
    ['attestation_sha256'],
  ])
})
