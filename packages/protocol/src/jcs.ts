import type { Json } from './json-value.js'

// What RFC 8785 3.2.2.2 escapes, and the surrogates, which need a closer look.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NEEDS_CARE = /["\\\u0000-\u001f\ud800-\udfff]/

const encoder = new TextEncoder()

/**
 * The canonical form of a JSON value (RFC 8785). Throws `TypeError` for what has none: NaN,
 * infinities, `undefined`, holes, lone surrogates, and objects that are not plain.
 */
export function canonicalize(value: Json): string {
  switch (typeof value) {
    case 'string':
      return quote(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical form`)
      // `-0` prints as `0`, as RFC 8785 3.2.2.3 asks.
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return isArray(value) ? canonicalizeArray(value) : canonicalizeObject(value)
    default:
      throw new TypeError(`a value of type ${typeof value} has no canonical form`)
  }
}

/** The canonical form in UTF-8: what is hashed and signed. */
export function canonicalBytes(value: Json): Uint8Array {
  return encoder.encode(canonicalize(value))
}

function canonicalizeArray(items: readonly Json[]): string {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ','
    text += canonicalize(items[i] as Json)
  }
  return `${text}]`
}

function canonicalizeObject(value: { readonly [member: string]: Json }): string {
  if (!isPlain(value)) throw new TypeError('only plain objects have a canonical form')
  // The default order compares UTF-16 code units, as RFC 8785 3.2.3 asks.
  const members = Object.keys(value).sort()
  let text = '{'
  for (let i = 0; i < members.length; i++) {
    const member = members[i] as string
    if (i > 0) text += ','
    text += `${quote(member)}:${canonicalize(value[member] as Json)}`
  }
  return `${text}}`
}

function quote(text: string): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`
  // `JSON.stringify` would write an escape here, and two parties would hash different texts.
  if (!text.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form')
  return JSON.stringify(text)
}

// A Map, a Date or a byte array would silently hash as `{}` or as an object of indices.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null
}

function isArray(value: object): value is readonly Json[] {
  return Array.isArray(value)
}
