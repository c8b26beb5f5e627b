const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75

/** `{`, `}`, `[`, `]`, `,`, `:`: each is a byte of the compact form too. */
const STRUCTURE: ReadonlySet<number> = new Set([0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x3a])

/**
 * True when the compact form of a JSON text is certainly longer than `limit` bytes. White space,
 * numbers and literals count nothing, an escape one byte: they may become that short. A text of
 * small values costs a hundred times its size once it is parsed, so this is asked before.
 */
export function isLonger(json: Uint8Array, limit: number): boolean {
  if (json.length <= limit) return false
  let bytes = 0
  let isInString = false
  for (let at = 0; at < json.length && bytes <= limit; at += 1) {
    const byte = json[at] ?? 0
    if (byte === QUOTE) isInString = !isInString
    else if (!isInString && !STRUCTURE.has(byte)) continue
    else if (byte === BACKSLASH) at += json[at + 1] === LETTER_U ? 5 : 1
    bytes += 1
  }
  return bytes > limit
}
