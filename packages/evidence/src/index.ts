export { ApprovalHistory, type ApprovalState, type LoggedApproval } from './approval-history.js'
export {
  type Checkpoint,
  claimedCheckpoint,
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  verifyCheckpoint,
} from './checkpoint.js'
export {
  asCommitment,
  type Commitment,
  commit,
  commitmentsIn,
  SALT_BYTES,
} from './commitment.js'
export { type ConsistencyClaim, consistencyProof, verifyConsistency } from './consistency-proof.js'
export type { EvidenceCrypto, EvidenceSigner } from './crypto.js'
export { Frontier, type NodeListener } from './frontier.js'
export { type InclusionClaim, inclusionProof, verifyInclusion } from './inclusion-proof.js'
export { KeyHistory, type KeyPurpose, keyAddedBody, type LogKey } from './key-history.js'
export {
  assertLeafValue,
  encodeLeaf,
  LEAF_TYPES,
  type Leaf,
  LeafError,
  type LeafType,
  MAX_LEAF_BYTES,
  parseLeaf,
} from './leaf.js'
export { type LeafColumns, leafColumns } from './leaf-columns.js'
export { type CheckpointReport, type Finding, Findings, type LogReport } from './log-report.js'
export {
  EMPTY_ROOT,
  HASH_BYTES,
  leafHash,
  type NodeSource,
  nodeHash,
  perfectNodes,
  subtreeRoot,
  type TreeNode,
} from './merkle-tree.js'
export type { Effect, Receipt, UnsignedReceipt } from './receipt.js'
export {
  canonicalReceipt,
  checkReceipt,
  type Payload,
  type ReceiptCheck,
  receiptSigningBytes,
  resultHash,
  signReceipt,
} from './receipt-signature.js'
export { RevocationHistory } from './revocation-history.js'
export {
  formatVkey,
  NoteError,
  type NoteSignature,
  type NoteSigner,
  type NoteVerifier,
  noteVerifier,
  openNote,
  parseNote,
  parseVkey,
  type SignedNote,
  signNote,
} from './signed-note.js'
export { type LogRow, type LogToVerify, MAX_FINDINGS, verifyLog } from './verify-log.js'
