import { JsonFault } from './json-fault.js'
import { JsonParser } from './json-parser.js'
import type { Json } from './json-value.js'
import { decodeUtf8, firstInvalidUtf8, utf8Length } from './utf8.js'

/** What `parseJson` may be told. */
export interface JsonOptions {
  /** Deepest nesting allowed: a scalar is 0, `{}` is 1. At most 512, 64 when not given. */
  readonly maxDepth?: number
  /** Members of the outermost object whose number must be written without fraction or exponent. */
  readonly integerMembers?: readonly string[]
}

const DEFAULT_MAX_DEPTH = 64
// The parser and every reader of its result recurse: this many levels fit any stack.
const GREATEST_MAX_DEPTH = 512

const NO_MEMBERS: readonly string[] = []

/**
 * Parses JSON (RFC 8259) strictly (auth spec 3.1, design 3). Refused beside what is not JSON: a
 * byte order mark, invalid UTF-8, lone surrogates, duplicate members, integers beyond ±(2^53-1),
 * numbers that overflow, and too deep nesting. `__proto__` is an ordinary member of the result.
 * Takes time linear in the length of the text. Throws `JsonFault`.
 */
export function parseJson(source: Uint8Array | string, options: JsonOptions = {}): Json {
  const maxDepth = options.maxDepth ?? DEFAULT_MAX_DEPTH
  if (!(maxDepth >= 0 && maxDepth <= GREATEST_MAX_DEPTH)) {
    throw new RangeError(`maxDepth must be 0 to ${GREATEST_MAX_DEPTH}, got ${maxDepth}`)
  }
  const text = typeof source === 'string' ? wellFormed(source) : decode(source)
  return new JsonParser(text, maxDepth, options.integerMembers ?? NO_MEMBERS).parse()
}

/** How deep a value nests: 0 for a scalar, 1 for `{}` (auth spec 3.3). */
export function jsonDepth(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0
  let deepest = 0
  for (const item of Object.values(value) as readonly Json[]) {
    deepest = Math.max(deepest, jsonDepth(item))
  }
  return deepest + 1
}

/** The number of items of the longest array anywhere in a value (http-api 6.2). */
export function largestArray(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0
  let largest = Array.isArray(value) ? value.length : 0
  for (const item of Object.values(value) as readonly Json[]) {
    largest = Math.max(largest, largestArray(item))
  }
  return largest
}

function decode(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text === null) throw new JsonFault('utf8', '', firstInvalidUtf8(bytes))
  return text
}

function wellFormed(text: string): string {
  if (text.isWellFormed()) return text
  let at = 0
  for (const character of text) {
    if (!character.isWellFormed()) break
    at += character.length
  }
  throw new JsonFault('lone_surrogate', '', utf8Length(text.slice(0, at)))
}
