import { randomBytes } from 'node:crypto'
import { type Commitment, commit } from '@latchgate/evidence'
import { evidenceCrypto } from '../evidence-crypto.js'
import type { PayloadDraft } from '../ledger/port.js'

/** How long full arguments and outputs are kept before they are erased (design 4). */
export const PAYLOAD_RETENTION_MS: number = 24 * 3600 * 1000

/** Commits to bytes from an agent or an upstream with a fresh salt (notes/evidence 1). */
export function commitPayload(
  kind: PayloadDraft['kind'],
  bytes: Uint8Array,
  nowMs: number,
): { readonly commitment: Commitment; readonly draft: PayloadDraft } {
  const salt = randomBytes(32)
  const commitment = commit(evidenceCrypto, salt, bytes)
  const eraseAfter = nowMs + PAYLOAD_RETENTION_MS
  return { commitment, draft: { kind, hash: commitment.hash, salt, bytes, eraseAfter } }
}
