export type { DpopRejectKind } from '../dpop-claims.js'
export {
  type AttestationExpectation,
  type AttestationFault,
  signAttestation,
  verifyAttestation,
} from './approval-attestation.js'
export { DPoPKeyPair, type ProofRequest } from './dpop-key-pair.js'
export {
  type DpopExpectation,
  type DpopVerdict,
  PROOF_MAX_AGE_SECONDS,
  PROOF_MAX_SKEW_SECONDS,
  verifyDpopProof,
} from './dpop-proof.js'
export { Ed25519Signer, verifyEd25519 } from './ed25519.js'
export { type CompactJws, type PartFault, readPart, splitCompactJws } from './jws.js'
export { generateLeaseKeyPem, type LeaseKey, loadLeaseKey } from './lease-key.js'
export { type LeaseVerdict, signLease, verifyLease } from './lease-token.js'
export { LruCache } from './lru.js'
export { type ImportedP256Key, importP256Jwk, type P256Jwk } from './p256-key.js'
export { PrivateFileError, readPrivateFile } from './private-file.js'
export { ProofKeyCache } from './proof-key-cache.js'
export { digest, digestBytes, sha256, sha256Hex } from './sha256.js'
export { socketDirectory } from './socket-directory.js'
export { computeAth, jwkThumbprint } from './thumbprint.js'
export { timingSafeEqualText } from './timing-safe.js'
export { uuidv4, uuidv7 } from './uuid.js'
