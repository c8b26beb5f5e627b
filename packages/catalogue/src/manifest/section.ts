import type { Json, JsonObject } from '@latchgate/protocol'
import { closestName } from '../closest-name.js'
import type { Problems } from './problems.js'

/** What is known of a section's keys. */
export interface SectionKeys {
  readonly known: readonly string[]
  /** Keys of the reference that mean nothing here, and what to do about each. */
  readonly unavailable?: Readonly<Record<string, string>>
}

/** Bounds of an integer, both inclusive. */
export interface IntegerBounds {
  readonly min: number
  readonly max: number
  readonly fallback: number
}

/**
 * One mapping of a document. Reading a key that is absent gives its default; one that is wrong is
 * reported and gives the default too, so that reading can go on to the next problem.
 */
export class Section {
  readonly #object: JsonObject
  readonly #path: string
  readonly #problems: Problems

  constructor(object: JsonObject, path: string, problems: Problems, keys: SectionKeys) {
    this.#object = object
    this.#path = path
    this.#problems = problems
    for (const name of Object.keys(object))
      if (!keys.known.includes(name)) this.#unknown(name, keys)
  }

  /** Full path of a key of this section. */
  at(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }

  report(key: string, problem: string, fix: string): void {
    this.#problems.report(this.at(key), problem, fix)
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#object, key)
  }

  /** The value as it stands; undefined when absent or null. */
  raw(key: string): Json | undefined {
    return this.has(key) ? (this.#object[key] ?? undefined) : undefined
  }

  text(key: string, fallback: string): string {
    const value = this.raw(key)
    if (value === undefined) return fallback
    if (typeof value === 'string') return value
    this.#wrongType(key, 'a string', value, `write ${key}: ${quoted(value)}`)
    return fallback
  }

  requiredText(key: string, example: string): string {
    if (this.raw(key) === undefined) {
      this.report(key, `${key} is missing`, `add ${key}, e.g. ${key}: ${JSON.stringify(example)}`)
      return ''
    }
    const text = this.text(key, '')
    if (text === '' && this.raw(key) === '') {
      this.report(key, `${key} must not be empty`, `e.g. ${key}: ${JSON.stringify(example)}`)
    }
    return text
  }

  choice<T extends string>(key: string, choices: readonly T[], fallback: T): T {
    const value = this.raw(key)
    if (value === undefined) return fallback
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    const near = typeof value === 'string' ? closestName(value, choices) : undefined
    const fix = near === undefined ? `use one of ${choices.join(', ')}` : `did you mean '${near}'?`
    this.report(key, `${JSON.stringify(value)} is not one of ${choices.join(', ')}`, fix)
    return fallback
  }

  integer(key: string, { min, max, fallback }: IntegerBounds): number {
    const value = this.raw(key)
    if (value === undefined) return fallback
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      this.#wrongType(key, 'an integer', value, `write a plain number from ${min} to ${max}`)
      return fallback
    }
    if (value >= min && value <= max) return value
    const problem = value < min ? `must be at least ${min}` : `must be at most ${max}`
    this.report(key, `${this.at(key)} ${problem}, is ${value}`, `use ${min} to ${max}`)
    return fallback
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key)
    if (value === undefined) return fallback
    if (typeof value === 'boolean') return value
    this.#wrongType(key, 'true or false', value, 'write true or false without quotes')
    return fallback
  }

  list(key: string): readonly Json[] {
    const value = this.raw(key)
    if (value === undefined) return []
    if (Array.isArray(value)) return value as readonly Json[]
    this.#wrongType(key, 'a list', value, `write ${key}: [ … ]`)
    return []
  }

  texts(key: string, fallback: readonly string[]): readonly string[] {
    if (this.raw(key) === undefined) return fallback
    const texts: string[] = []
    for (const [index, item] of this.list(key).entries()) {
      if (typeof item === 'string') texts.push(item)
      else this.#wrongType(`${key}[${index}]`, 'a string', item, 'put it in quotes')
    }
    const twice = texts.find((text, index) => texts.indexOf(text) !== index)
    if (twice !== undefined) this.report(key, `'${twice}' stands there twice`, 'remove one of them')
    return texts
  }

  /** A mapping below this one; an empty one when absent. */
  section(key: string, keys: SectionKeys): Section {
    return new Section(this.object(key) ?? {}, this.at(key), this.#problems, keys)
  }

  /** A mapping with free keys; undefined when absent or not a mapping, which is reported. */
  object(key: string): JsonObject | undefined {
    const value = this.raw(key)
    if (value === undefined) return undefined
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject
    }
    this.#wrongType(key, 'a mapping', value, `write ${key}: { … }`)
    return undefined
  }

  /** A mapping of strings. */
  textMap(key: string): Readonly<Record<string, string>> {
    const entries: (readonly [string, string])[] = []
    for (const [name, value] of Object.entries(this.object(key) ?? {})) {
      if (typeof value === 'string') entries.push([name, value])
      else this.#wrongType(`${key}.${name}`, 'a string', value, 'put it in quotes')
    }
    return Object.fromEntries(entries)
  }

  #wrongType(key: string, wanted: string, value: Json, fix: string): void {
    this.report(key, `must be ${wanted}, is ${kindOf(value)}`, fix)
  }

  #unknown(name: string, keys: SectionKeys): void {
    const instead = keys.unavailable?.[name]
    if (instead !== undefined) {
      this.report(name, `'${name}' is not available in this version`, instead)
      return
    }
    const near = closestName(name, keys.known)
    const fix =
      near === undefined ? `use one of ${keys.known.join(', ')}` : `did you mean '${near}'?`
    this.report(name, `unknown key '${name}'`, fix)
  }
}

function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return `the ${typeof value} ${JSON.stringify(value)}`
}

// A number or a flag as its author meant it; anything else has no text of its own.
function quoted(value: Json): string {
  return typeof value === 'object' ? '"…"' : JSON.stringify(String(value))
}
