/**
 * The two primitives that evidence rests on. They are a parameter so that the gate, a browser and an
 * auditor's own program run the same checks on their own cryptography.
 */
export interface EvidenceCrypto {
  /** SHA-256 of the bytes, 32 bytes (FIPS 180-4). */
  sha256(bytes: Uint8Array): Uint8Array
  /**
   * Ed25519 (RFC 8032). Must answer false, never throw, for small-order and non-canonical keys: a
   * small-order key verifies any message.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** Signs with a key that never leaves its owner. */
export interface EvidenceSigner {
  readonly kid: string
  /** Ed25519 signature of the message, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}
