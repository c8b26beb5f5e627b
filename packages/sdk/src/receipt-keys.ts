import { decodeHex } from '@latchgate/protocol'
import { LatchGateTransportError } from './errors.js'
import { type GateAnswer, isMembers, successBody } from './gate-answer.js'

/** A public key that signs receipts, as `GET /v1/receipt-keys` gives it (spec/http-api 12.3). */
export interface ReceiptKey {
  /** First 16 hex digits of the key: says which one to try, proves nothing. */
  readonly kid: string
  /** Ed25519 public key, 64 hex digits. */
  readonly x_hex: string
}

const KID_LENGTH = 16

/** Reads the gate's list of keys. */
export function receiptKeys(answer: GateAnswer): readonly ReceiptKey[] {
  const { keys } = successBody(answer, 'receipt keys')
  if (!Array.isArray(keys) || !keys.every(isReceiptKey)) {
    throw new LatchGateTransportError('missing keys in receipt keys response')
  }
  return keys
}

/**
 * The key with this id, or undefined. Throws a `TypeError` for keys that are not usable: two under
 * one id, or an id that is not the beginning of its key.
 */
export function findReceiptKey(keys: readonly ReceiptKey[], kid: string): Uint8Array | undefined {
  const ids = new Set(keys.map((key) => key.kid))
  // Two keys under one id would let whoever adds the second one speak for the first.
  if (ids.size !== keys.length) throw new TypeError('two receipt keys have the same kid')
  const decoded = keys.map((key) => ({ kid: key.kid, publicKey: decodeKey(key) }))
  return decoded.find((key) => key.kid === kid)?.publicKey
}

function decodeKey(key: ReceiptKey): Uint8Array {
  const publicKey = decodeHex(key.x_hex)
  if (publicKey?.length !== 32) {
    throw new TypeError(`receipt key ${key.kid}: x_hex must be 64 lower-case hex digits`)
  }
  if (key.kid !== key.x_hex.slice(0, KID_LENGTH)) {
    throw new TypeError(`receipt key ${key.kid}: the kid must be the first 16 digits of x_hex`)
  }
  return publicKey
}

function isReceiptKey(value: unknown): value is ReceiptKey {
  return isMembers(value) && typeof value['kid'] === 'string' && typeof value['x_hex'] === 'string'
}
