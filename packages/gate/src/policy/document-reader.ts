import { closestName } from '@latchgate/catalogue'
import type { Json, JsonObject } from '@latchgate/protocol'

/** Something wrong with a document: which key, and what to do about it. */
export interface DataProblem {
  /** Path of the key, e.g. `acl.agent:billing.allowed_sinks`; empty for the document. */
  readonly key: string
  readonly problem: string
  readonly fix: string
}

const MAX_NAME = 253

/**
 * Reads the parts of an operator's document and collects what is wrong with it, so that one answer
 * names everything. Keys that start with `_` are comments and left out.
 */
export class DocumentReader {
  readonly #problems: DataProblem[] = []

  get problems(): readonly DataProblem[] {
    return this.#problems
  }

  refuse(key: string, problem: string, fix: string): void {
    this.#problems.push({ key, problem, fix })
  }

  /** An object whose members are known; null, and refused, when it is none. */
  object(key: string, value: Json, known: readonly string[]): JsonObject | null {
    if (!isObject(value)) {
      this.refuse(key, 'is not an object', 'write {…}')
      return null
    }
    const members = this.#members(key, value)
    for (const [name] of members) {
      if (known.includes(name)) continue
      const near = closestName(name, known)
      this.refuse(
        key === '' ? name : `${key}.${name}`,
        'is an unknown key',
        near === undefined ? `known are ${known.join(', ')}` : `did you mean \`${near}\`?`,
      )
    }
    return Object.fromEntries(members)
  }

  /** An object whose members the operator names: principals, actions. */
  named<T extends Json>(
    key: string,
    value: Json,
    read: (key: string, value: Json, name: string) => T | undefined,
  ): { readonly [name: string]: T } {
    const entries = this.#members(key, value).flatMap(([name, member]): [string, T][] => {
      const path = `${key}.${name}`
      if (!isPrintable(name, MAX_NAME)) {
        this.refuse(path, 'is not a name of 1 to 253 printable characters', 'rename it')
      }
      const entry = read(path, member, name)
      return entry === undefined ? [] : [[name, entry]]
    })
    return Object.fromEntries(entries)
  }

  /** A list of names of one shape. */
  names(key: string, value: Json | undefined, shape: RegExp): readonly string[] {
    if (!isList(value)) {
      const problem = value === undefined ? 'is missing' : 'is not a list'
      this.refuse(key, problem, 'list the names one by one; [] is none')
      return []
    }
    return value.flatMap((one, index) => {
      if (typeof one === 'string' && shape.test(one)) return [one]
      const fix = 'write an exact name; there are no patterns'
      this.refuse(`${key}[${index}]`, `is not a name: ${JSON.stringify(one)}`, fix)
      return []
    })
  }

  /** A whole number from `min` to `max`. */
  integer(key: string, value: Json | undefined, min: number, max: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value
    }
    const problem = value === undefined ? 'is missing' : 'is not a whole number in range'
    this.refuse(key, problem, `write a number from ${min} to ${max}`)
    return min
  }

  #members(key: string, value: Json): readonly (readonly [string, Json])[] {
    if (isObject(value)) return Object.entries(value).filter(([name]) => !name.startsWith('_'))
    this.refuse(key, 'is not an object', 'write {…}')
    return []
  }
}

/** True for a JSON object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value)
}

/** True for a JSON array. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** True for 1 to `max` characters without a control character. */
export function isPrintable(text: string, max: number): boolean {
  return text.length > 0 && text.length <= max && !/[\p{Cc}\p{Cs}]/u.test(text)
}
