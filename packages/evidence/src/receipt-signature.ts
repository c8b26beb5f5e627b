import {
  canonicalize,
  decodeHex,
  encodeHex,
  type JsonObject,
  type SignatureStatus,
} from '@latchgate/protocol'
import { asCommitment, commit } from './commitment.js'
import type { EvidenceCrypto, EvidenceSigner } from './crypto.js'
import type { Receipt, UnsignedReceipt } from './receipt.js'

/** What a check of one receipt found, each question answered on its own. */
export interface ReceiptCheck {
  /** `valid`: the holder of this key stated exactly this receipt. */
  readonly signature: SignatureStatus
  /** `erased`: a member it covers is gone, so it can no longer be recomputed. */
  readonly result_hash: 'matches' | 'differs' | 'erased'
  /** Whether the output that was handed in is the one committed to. */
  readonly payload: 'matches' | 'differs' | 'withheld' | 'none'
}

/** The bytes of a payload with the salt of its commitment. */
export interface Payload {
  readonly salt: Uint8Array
  readonly bytes: Uint8Array
}

const DOMAIN = 'latchgate/receipt/v1\n'
const encoder = new TextEncoder()

/** The members of the hashed object, in JCS order (spec/auth-and-evidence 15.2). */
const HASHED = [
  'effect_evidence',
  'failure_class',
  'finished_at',
  'grant_id',
  'normalized_result',
  'provider_module_digest',
  'provider_receipt',
  'receipt_id',
  'started_at',
  'verification_outcome',
] as const

/** Members that the signature does not cover; `provider_receipt` is inside `result_hash`. */
const UNSIGNED: ReadonlySet<string> = new Set([
  'receipt_signature',
  'signature_status',
  'provider_receipt',
])

/** JCS text of each member that is there. */
type CanonicalMembers = Map<string, string>

/**
 * Bare hex SHA-256 of the ten members that published clients recompute (spec/auth-and-evidence
 * 15.2). Times are in the `+00:00` form inside the hash. Texts are converted, never dates: a
 * fraction of nine digits must survive.
 */
export function resultHash(crypto: EvidenceCrypto, receipt: Readonly<JsonObject>): string {
  return hashMembers(crypto, canonicalMembers(receipt))
}

/**
 * The signed bytes: domain, then the JCS form of the receipt without its signature, the status a
 * reader adds, and `provider_receipt`, which `result_hash` covers (notes/evidence 2).
 */
export function receiptSigningBytes(receipt: Readonly<JsonObject>): Uint8Array {
  return signingBytes(canonicalMembers(receipt))
}

/** Hashes and signs a receipt. */
export function signReceipt(
  unsigned: UnsignedReceipt,
  signer: EvidenceSigner,
  crypto: EvidenceCrypto,
): Receipt {
  const members = canonicalMembers(unsigned as JsonObject)
  const result_hash = hashMembers(crypto, members)
  members.set('result_hash', canonicalize(result_hash))
  members.set('signing_key_id', canonicalize(signer.kid))
  const receipt_signature = encodeHex(signer.sign(signingBytes(members)))
  members.set('receipt_signature', canonicalize(receipt_signature))
  const receipt = { ...unsigned, result_hash, signing_key_id: signer.kid, receipt_signature }
  signedTexts.set(receipt, objectText(members, [...members.keys()]))
  return receipt
}

// A receipt is written to the log right after it was signed: its text is not made twice.
const signedTexts = new WeakMap<Receipt, string>()

/** The JCS form of a receipt; for one that was signed here, the very text that was signed. */
export function canonicalReceipt(receipt: Receipt): string {
  return signedTexts.get(receipt) ?? canonicalize(receipt as JsonObject)
}

/**
 * Checks a receipt as read: signature, `result_hash` and, when the output is handed in, its
 * commitment. A receipt whose members do not give its `result_hash` is `invalid`, whatever its
 * signature says. `publicKey` is the key that `signing_key_id` names, or undefined.
 */
export function checkReceipt(
  receipt: Receipt,
  publicKey: Uint8Array | undefined,
  crypto: EvidenceCrypto,
  payload?: Payload,
): ReceiptCheck {
  const members = receipt as unknown as JsonObject
  const hash = checkResultHash(crypto, members)
  return {
    signature: checkSignature(crypto, members, publicKey, hash),
    result_hash: hash,
    payload: checkPayload(crypto, members, payload),
  }
}

function checkSignature(
  crypto: EvidenceCrypto,
  receipt: JsonObject,
  publicKey: Uint8Array | undefined,
  hash: ReceiptCheck['result_hash'],
): SignatureStatus {
  const signature = receipt['receipt_signature']
  if (signature === undefined || signature === null || signature === '') return 'missing_signature'
  const keyId = receipt['signing_key_id']
  if (keyId === undefined || keyId === null || keyId === '') return 'missing_key_id'
  if (publicKey === undefined) return 'unknown_key_id'
  const raw = typeof signature === 'string' ? decodeHex(signature) : null
  if (raw?.length !== 64) return 'malformed_signature'
  if (hash === 'differs') return 'invalid'
  let message: Uint8Array
  try {
    message = receiptSigningBytes(receipt)
  } catch (error) {
    // JCS refuses what no signer could have signed: lone surrogates, numbers out of range.
    if (error instanceof TypeError) return 'invalid'
    throw error
  }
  return crypto.verifyEd25519(publicKey, message, raw) ? 'valid' : 'invalid'
}

function checkResultHash(crypto: EvidenceCrypto, receipt: JsonObject): ReceiptCheck['result_hash'] {
  const provider = receipt['provider_receipt']
  if (provider === undefined || provider === null) return 'erased'
  try {
    return resultHash(crypto, receipt) === receipt['result_hash'] ? 'matches' : 'differs'
  } catch (error) {
    if (error instanceof TypeError) return 'differs'
    throw error
  }
}

function checkPayload(
  crypto: EvidenceCrypto,
  receipt: JsonObject,
  payload: Payload | undefined,
): ReceiptCheck['payload'] {
  const output = receipt['output']
  if (output === undefined || output === null) return 'none'
  if (payload === undefined) return 'withheld'
  const claimed = asCommitment(output)
  if (claimed === undefined || payload.salt.length !== 32) return 'differs'
  const actual = commit(crypto, payload.salt, payload.bytes)
  return actual.hash === claimed.hash && actual.bytes === claimed.bytes ? 'matches' : 'differs'
}

function canonicalMembers(receipt: Readonly<JsonObject>): CanonicalMembers {
  const members: CanonicalMembers = new Map()
  for (const [name, value] of Object.entries(receipt)) members.set(name, canonicalize(value))
  return members
}

function hashMembers(crypto: EvidenceCrypto, members: CanonicalMembers): string {
  const hashed = HASHED.map((name) => {
    const text = members.get(name) ?? 'null'
    return `"${name}":${name.endsWith('_at') ? text.replace(/Z"$/, '+00:00"') : text}`
  })
  return encodeHex(crypto.sha256(encoder.encode(`{${hashed.join(',')}}`)))
}

function signingBytes(members: CanonicalMembers): Uint8Array {
  const signed = [...members.keys()].filter((name) => !UNSIGNED.has(name))
  return encoder.encode(`${DOMAIN}${objectText(members, signed)}`)
}

function objectText(members: CanonicalMembers, names: string[]): string {
  const text = names.sort().map((name) => `${canonicalize(name)}:${members.get(name) ?? 'null'}`)
  return `{${text.join(',')}}`
}
