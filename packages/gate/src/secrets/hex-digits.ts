/** Value of four hex digits, or -1. */
export function hex16(bytes: Uint8Array, at: number): number {
  const high = hexByte(bytes, at)
  const low = hexByte(bytes, at + 2)
  return high < 0 || low < 0 ? -1 : high * 256 + low
}

/** Value of two hex digits, or -1. */
export function hexByte(bytes: Uint8Array, at: number): number {
  const high = hexDigit(bytes[at])
  const low = hexDigit(bytes[at + 1])
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** Value of a hex digit, or -1. */
export function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
