// Control and format characters, what is shown as nothing, line separators, lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{DI}\u2028\u2029]/gu

/** Text of somebody else, safe to print in one line of a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/**
 * A JSON text of several lines whose values somebody else wrote: the same value, and nothing in it
 * that a terminal or a reader's eye would follow (design 9).
 */
export function printableJson(value: unknown): string {
  // Line feeds are the layout: within values JSON has escaped them.
  return JSON.stringify(value, null, 2).replace(UNPRINTABLE, (character) =>
    character === '\n' ? character : escaped(character),
  )
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
