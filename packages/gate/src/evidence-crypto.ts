import type { EvidenceCrypto } from '@latchgate/evidence'
import { sha256, verifyEd25519 } from '@latchgate/protocol/node'

/** The hash and signature functions of this runtime, for the evidence package. */
export const evidenceCrypto: EvidenceCrypto = { sha256, verifyEd25519 }
