import { decodeHex } from './hex.js'

const KEY_BYTES = 32

// The y coordinates of the points whose order divides 8, canonical, sign bit clear: a "signature"
// by such a key is good for many messages, or for all.
const SMALL_ORDER: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => decodeHex(hex) ?? new Uint8Array(0))

/**
 * Whether 32 bytes may stand as an Ed25519 public key: the coordinate is below the field's prime,
 * so that a key has one spelling, and the point is not of small order. Whether it is on the curve
 * at all shows when a signature is verified.
 */
export function isAcceptableEd25519Key(key: Uint8Array): boolean {
  if (key.length !== KEY_BYTES) return false
  const y = Uint8Array.from(key)
  y[31] = (y[31] ?? 0) & 0x7f
  return isBelowPrime(y) && !SMALL_ORDER.some((point) => isSame(point, y))
}

// p = 2^255 - 19, little-endian: ed ff … ff 7f.
function isBelowPrime(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] ?? 0) < 0xed) return true
  return y.subarray(1, 31).some((byte) => byte !== 0xff)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i])
}
