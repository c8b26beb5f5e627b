/**
 * Text from a request or an upstream, fit for a log line, a record or an error body (auth spec
 * 23.1): every control character is one space, and whole characters are kept while the UTF-8 form
 * stays within `maxBytes`. A lone surrogate becomes U+FFFD: it has no UTF-8 form.
 */
export function sanitizeText(text: string, maxBytes: number): string {
  let kept = ''
  let bytes = 0
  for (const character of text) {
    const shown = printable(character)
    bytes += utf8Length(shown)
    if (bytes > maxBytes) break
    kept += shown
  }
  return kept
}

function printable(character: string): string {
  const point = character.codePointAt(0) ?? 0
  if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) return ' '
  return point >= 0xd800 && point <= 0xdfff ? '\ufffd' : character
}

function utf8Length(character: string): number {
  const point = character.codePointAt(0) ?? 0
  if (point < 0x80) return 1
  if (point < 0x800) return 2
  return point < 0x10000 ? 3 : 4
}
