import { escapePointer, JsonFault, type JsonFaultReason } from './json-fault.js'
import type { Json, JsonObject } from './json-value.js'
import { utf8Length } from './utf8.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const DOT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/**
 * One pass over a well-formed text. Internal: `parseJson` is the way in, and says what is refused.
 */
export class JsonParser {
  readonly #text: string
  readonly #maxDepth: number
  readonly #integerMembers: readonly string[]
  /** Member names and indices from the outermost container to the value being read. */
  readonly #trail: (string | number)[] = []
  #at = 0
  #depth = 0
  #lastNumberIsInteger = false

  constructor(text: string, maxDepth: number, integerMembers: readonly string[]) {
    this.#text = text
    this.#maxDepth = maxDepth
    this.#integerMembers = integerMembers
  }

  parse(): Json {
    if (this.#text.length === 0) throw this.#fault('empty', 0)
    if (this.#text.charCodeAt(0) === 0xfeff) throw this.#fault('bom', 0)
    const value = this.#value()
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#fault('trailing', this.#at)
    return value
  }

  #value(): Json {
    this.#skipSpace()
    const unit = this.#text.charCodeAt(this.#at)
    switch (unit) {
      case QUOTE:
        return this.#string()
      case OPEN_OBJECT:
        return this.#object()
      case OPEN_ARRAY:
        return this.#array()
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default:
        if (unit === MINUS || isDigit(unit)) return this.#number()
        throw this.#fault('syntax', this.#at)
    }
  }

  #object(): JsonObject {
    this.#enter()
    const object: { [member: string]: Json } = {}
    this.#skipSpace()
    if (this.#take(CLOSE_OBJECT)) return this.#leave(object)
    for (;;) {
      this.#skipSpace()
      this.#trail.length = this.#depth - 1
      const start = this.#at
      if (this.#text.charCodeAt(start) !== QUOTE) throw this.#fault('syntax', start)
      const member = this.#string()
      this.#trail[this.#depth - 1] = member
      // Two readers of a duplicate may each see another value: one is checked, the other done.
      if (Object.hasOwn(object, member)) throw this.#fault('duplicate_key', start)
      this.#skipSpace()
      if (!this.#take(COLON)) throw this.#fault('syntax', this.#at)
      this.#skipSpace()
      const valueAt = this.#at
      const value = this.#value()
      if (this.#depth === 1 && typeof value === 'number') this.#checkInteger(member, valueAt)
      setMember(object, member, value)
      this.#skipSpace()
      if (this.#take(COMMA)) continue
      if (this.#take(CLOSE_OBJECT)) return this.#leave(object)
      throw this.#fault('syntax', this.#at)
    }
  }

  #array(): readonly Json[] {
    this.#enter()
    const items: Json[] = []
    this.#skipSpace()
    if (this.#take(CLOSE_ARRAY)) return this.#leave(items)
    for (;;) {
      this.#trail[this.#depth - 1] = items.length
      items.push(this.#value())
      this.#skipSpace()
      if (this.#take(COMMA)) continue
      if (this.#take(CLOSE_ARRAY)) return this.#leave(items)
      throw this.#fault('syntax', this.#at)
    }
  }

  #enter(): void {
    if (this.#depth >= this.#maxDepth) throw this.#fault('depth', this.#at)
    this.#at += 1
    this.#depth += 1
  }

  #leave<T>(container: T): T {
    this.#depth -= 1
    this.#trail.length = this.#depth
    return container
  }

  #string(): string {
    const text = this.#text
    const start = this.#at + 1
    let i = start
    for (;;) {
      const unit = text.charCodeAt(i)
      if (unit === QUOTE) {
        this.#at = i + 1
        return text.slice(start, i)
      }
      if (unit === BACKSLASH) return this.#escapedString(start, i)
      // `!(>=)`: past the end the unit is NaN.
      if (!(unit >= 0x20)) throw this.#fault('syntax', i)
      i += 1
    }
  }

  #escapedString(start: number, firstEscape: number): string {
    const text = this.#text
    let value = ''
    let copied = start
    let i = firstEscape
    for (;;) {
      const unit = text.charCodeAt(i)
      if (unit === QUOTE) break
      if (!(unit >= 0x20)) throw this.#fault('syntax', i)
      if (unit !== BACKSLASH) {
        i += 1
        continue
      }
      value += text.slice(copied, i)
      const isUnicode = text.charCodeAt(i + 1) === 0x75
      value += isUnicode ? this.#unicodeEscape(i) : this.#simpleEscape(i)
      i += isUnicode ? 6 : 2
      copied = i
    }
    value += text.slice(copied, i)
    if (!value.isWellFormed()) throw this.#fault('lone_surrogate', start - 1)
    this.#at = i + 1
    return value
  }

  #simpleEscape(i: number): string {
    const character = SIMPLE_ESCAPES[this.#text.charAt(i + 1)]
    if (character === undefined) throw this.#fault('syntax', i)
    return character
  }

  #unicodeEscape(i: number): string {
    const digits = this.#text.slice(i + 2, i + 6)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#fault('syntax', i)
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #number(): number {
    const text = this.#text
    const start = this.#at
    let i = text.charCodeAt(start) === MINUS ? start + 1 : start
    const firstDigit = i
    i = this.#digits(i)
    if (text.charCodeAt(firstDigit) === DIGIT_0 && i > firstDigit + 1) {
      throw this.#fault('syntax', firstDigit)
    }
    const integerEnd = i
    if (text.charCodeAt(i) === DOT) i = this.#digits(i + 1)
    const unit = text.charCodeAt(i)
    if (unit === 0x65 || unit === 0x45) {
      const sign = text.charCodeAt(i + 1)
      i = this.#digits(sign === 0x2b || sign === MINUS ? i + 2 : i + 1)
    }
    this.#lastNumberIsInteger = i === integerEnd
    // No safe integer has more than 16 digits; a megabyte of them is not worth converting.
    if (this.#lastNumberIsInteger && i - firstDigit > 16) throw this.#fault('unsafe_integer', start)
    const value = Number(text.slice(start, i))
    if (!Number.isFinite(value)) throw this.#fault('number_range', start)
    if (this.#lastNumberIsInteger && !Number.isSafeInteger(value)) {
      throw this.#fault('unsafe_integer', start)
    }
    this.#at = i
    return value
  }

  #digits(from: number): number {
    let i = from
    while (isDigit(this.#text.charCodeAt(i))) i += 1
    if (i === from) throw this.#fault('syntax', i)
    return i
  }

  #checkInteger(member: string, valueAt: number): void {
    if (this.#lastNumberIsInteger || !this.#integerMembers.includes(member)) return
    throw this.#fault('syntax', valueAt)
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#fault('syntax', this.#at)
    this.#at += word.length
    return value
  }

  #take(unit: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== unit) return false
    this.#at += 1
    return true
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
      this.#at += 1
    }
  }

  #fault(reason: JsonFaultReason, at: number): JsonFault {
    const path = this.#trail.map((token) => `/${escapePointer(String(token))}`).join('')
    return new JsonFault(reason, path, utf8Length(this.#text.slice(0, at)))
  }
}

function isDigit(unit: number): boolean {
  return unit >= DIGIT_0 && unit <= DIGIT_9
}

function setMember(object: { [member: string]: Json }, member: string, value: Json): void {
  if (member !== '__proto__') {
    object[member] = value
    return
  }
  // Assignment would replace the prototype, and every later look-up would ask the sender.
  const attributes = { value, writable: true, enumerable: true, configurable: true }
  Object.defineProperty(object, member, attributes)
}
