// Control characters (C0, C1, DEL), format characters (direction, zero width, tags), what else is
// shown as nothing (fillers, variation selectors), line and paragraph separators, lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{DI}\u2028\u2029]/gu
const UNPRINTABLE_BUT_NEWLINE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{DI}\u2028\u2029]/gu

/**
 * Text of somebody else, safe to print in one line: what could move the cursor, change colours or
 * the direction of reading is shown as `\uXXXX` (design 9).
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** The same, with its line breaks kept: for text whose lines are ours. */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE_BUT_NEWLINE, escaped)
}

/**
 * JSON that neither a terminal nor a reader's eye can be confused with; a parser reads the same values.
 * One line, or indented by so many spaces.
 */
export function printableJson(value: unknown, indent = 0): string {
  // Outside of strings JSON has none of these characters but the line feeds of its layout, and inside
  // the escape means the same.
  return printableLines(JSON.stringify(value, null, indent))
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
