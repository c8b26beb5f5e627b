/**
 * Values that an output may have. A parser makes an object of every `[]`, so a few MiB of brackets
 * would take the memory of the worker, and the time of whoever reads the output next.
 */
export const MAX_OUTPUT_VALUES = 200_000

/** What is wrong with the text of an output: not JSON, or too many values; null when it is fine. */
export function jsonFault(text: string): string | null {
  if (hasMoreValues(text, MAX_OUTPUT_VALUES)) return `more than ${MAX_OUTPUT_VALUES} values`
  try {
    JSON.parse(text)
    return null
  } catch (error) {
    if (error instanceof SyntaxError) return 'something that is not JSON'
    throw error
  }
}

// Each comma, bracket and brace outside strings begins at most one value.
function hasMoreValues(text: string, most: number): boolean {
  let values = 1
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      if (at < 0) return false
    } else if (code === COMMA || code === BRACKET || code === BRACE) {
      values += 1
      if (values > most) return true
    }
  }
  return false
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const BRACKET = 0x5b
const BRACE = 0x7b

// The quote that ends the string begun at `start`; -1 when there is none, and then it is not JSON.
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before -= 1
    // An even number of backslashes escape each other.
    if ((end - before) % 2 === 1) return end
  }
  return -1
}
