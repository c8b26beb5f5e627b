import type { JsonObject } from '@latchgate/protocol'
import { digestBytes } from '@latchgate/protocol/node'
import { MAX_DECISIONS_BYTES } from '../pipeline/record-size.js'

/** Bytes kept free for what a decision says beside its attestation. */
const WITHOUT_ATTESTATION_BYTES = 512

/**
 * The operators' decisions as a receipt has them (design 14), last one per operator. An attestation
 * that would not fit stands as its digest; in full it is in the record of its decision.
 */
export function receiptDecisions(decisions: readonly JsonObject[]): readonly JsonObject[] {
  const latest = new Map(decisions.map((body) => [String(body['operator']), body]))
  let left = MAX_DECISIONS_BYTES - WITHOUT_ATTESTATION_BYTES * latest.size
  return [...latest.values()].map((body) => {
    const { operator, operator_sender_binding: jkt, operator_proof_jti: proofJti } = body
    const common = { operator: operator ?? null, jkt: jkt ?? null, decision: 'granted' }
    const { attestation } = body
    // Without one, the proof of the request is what there is, and is called that.
    if (typeof attestation !== 'string') return { ...common, dpop_proof_jti: proofJti ?? null }
    left -= attestation.length
    if (left >= 0) return { ...common, attestation }
    return { ...common, attestation_sha256: digestBytes(Buffer.from(attestation)) }
  })
}
