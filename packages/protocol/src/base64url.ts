const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const VALUES: Int8Array = new Int8Array(128).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/** Base64url without padding (RFC 4648 section 5). */
export function encodeBase64url(bytes: Uint8Array): string {
  let text = ''
  let i = 0
  for (; i + 2 < bytes.length; i += 3) {
    const group = (at(bytes, i) << 16) | (at(bytes, i + 1) << 8) | at(bytes, i + 2)
    text += letter(group >> 18) + letter(group >> 12) + letter(group >> 6) + letter(group)
  }
  const left = bytes.length - i
  if (left === 1) {
    const byte = at(bytes, i)
    return text + letter(byte >> 2) + letter(byte << 4)
  }
  if (left === 2) {
    const pair = (at(bytes, i) << 8) | at(bytes, i + 1)
    return text + letter(pair >> 10) + letter(pair >> 4) + letter(pair << 2)
  }
  return text
}

/**
 * The bytes of base64url text; null unless it is exactly what `encodeBase64url` writes: padding,
 * the other alphabet, white space, an impossible length and unused bits that are not zero are
 * refused (auth spec 2.2), so that no two texts stand for the same bytes.
 */
export function decodeBase64url(text: string): Uint8Array | null {
  const left = text.length % 4
  if (left === 1) return null
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let filled = 0
  let bits = 0
  let pending = 0
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)]
    if (value === undefined || value < 0) return null
    pending = ((pending << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[filled++] = (pending >> bits) & 0xff
    }
  }
  return (pending & ((1 << bits) - 1)) === 0 ? bytes : null
}

function at(bytes: Uint8Array, i: number): number {
  return bytes[i] ?? 0
}

function letter(sextet: number): string {
  return ALPHABET.charAt(sextet & 63)
}
