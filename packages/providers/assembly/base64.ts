/** What `decodeBase64` returns for text that is not base64. */
export const NOT_BASE64: usize = usize.MAX_VALUE

/**
 * Decodes standard base64 with padding (RFC 4648, 4) in place and returns the number of bytes, or
 * `NOT_BASE64`. Unused bits must be zero.
 */
export function decodeBase64(source: usize, length: usize): usize {
  if ((length & 3) != 0) return NOT_BASE64
  if (length == 0) return 0
  const end = source + length
  let padding: usize = 0
  if (load<u8>(end - 1) == 0x3d) padding = load<u8>(end - 2) == 0x3d ? 2 : 1
  let to = source
  let from = source
  while (from < end) {
    const pad = from + 4 == end ? padding : 0
    const bits =
      (digit(load<u8>(from)) << 18) |
      (digit(load<u8>(from + 1)) << 12) |
      (pad > 1 ? 0 : digit(load<u8>(from + 2)) << 6) |
      (pad > 0 ? 0 : digit(load<u8>(from + 3)))
    if (bits < 0) return NOT_BASE64
    if (pad == 2 && (bits & 0xffff) != 0) return NOT_BASE64
    if (pad == 1 && (bits & 0xff) != 0) return NOT_BASE64
    store<u8>(to, (bits >> 16) as u8)
    store<u8>(to + 1, (bits >> 8) as u8)
    store<u8>(to + 2, bits as u8)
    to += 3
    from += 4
  }
  return to - padding - source
}

// A negative digit survives the shifts and the `|`: bit 31 is set whatever comes beside it.
function digit(byte: u8): i32 {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52
  if (byte == 0x2b) return 62
  if (byte == 0x2f) return 63
  return -1
}
