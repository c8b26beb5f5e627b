export type { EvidenceCrypto, EvidenceSigner } from './crypto.js'
export {
  type Commitment,
  asCommitment,
  commit,
  commitmentsIn,
  SALT_BYTES,
} from './commitment.js'
export {
  assertLeafValue,
  encodeLeaf,
  type Leaf,
  LEAF_TYPES,
  LeafError,
  type LeafType,
  MAX_LEAF_BYTES,
  parseLeaf,
} from './leaf.js'
export { type LeafColumns, leafColumns } from './leaf-columns.js'
export {
  EMPTY_ROOT,
  HASH_BYTES,
  leafHash,
  nodeHash,
  type NodeSource,
  perfectNodes,
  subtreeRoot,
  type TreeNode,
} from './merkle-tree.js'
export { Frontier, type NodeListener } from './frontier.js'
export { type InclusionClaim, inclusionProof, verifyInclusion } from './inclusion-proof.js'
export { type ConsistencyClaim, consistencyProof, verifyConsistency } from './consistency-proof.js'
export {
  formatVkey,
  NoteError,
  type NoteSignature,
  type NoteSigner,
  noteVerifier,
  type NoteVerifier,
  openNote,
  parseNote,
  parseVkey,
  type SignedNote,
  signNote,
} from './signed-note.js'
export {
  type Checkpoint,
  claimedCheckpoint,
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  verifyCheckpoint,
} from './checkpoint.js'
export type { Effect, ProviderReceipt, Receipt, UnsignedReceipt } from './receipt.js'
export {
  canonicalReceipt,
  checkReceipt,
  type Payload,
  type ReceiptCheck,
  receiptSigningBytes,
  resultHash,
  type SignatureStatus,
  signReceipt,
} from './receipt-signature.js'
export { keyAddedBody, KeyHistory, type KeyPurpose, type LogKey } from './key-history.js'
export { type CheckpointReport, type Finding, Findings, type LogReport } from './log-report.js'
export { type LogRow, type LogToVerify, MAX_FINDINGS, verifyLog } from './verify-log.js'
