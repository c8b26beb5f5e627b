import { closestName } from '@latchgate/catalogue'
import { escapePointer, type Json, type JsonObject, type Result } from '@latchgate/protocol'
import { isList, isObject } from '../policy/document-reader.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'

/** How one member of a body is read; `undefined` says that it is not of that kind. */
export interface MemberKind<T> {
  readonly read: (value: Json) => T | undefined
  /** e.g. `a string`. */
  readonly says: string
  /** What an absent member means; without it the member must be there. */
  readonly absent?: T
}

/** A string. */
export const text: MemberKind<string> = {
  says: 'a string',
  read: (value) => (typeof value === 'string' ? value : undefined),
}

/** A list of strings. */
export const texts: MemberKind<readonly string[]> = {
  says: 'an array of strings',
  read: (value) =>
    isList(value) && value.every((one) => typeof one === 'string')
      ? (value as readonly string[])
      : undefined,
}

/** A number. */
export const number: MemberKind<number> = {
  says: 'a number',
  read: (value) => (typeof value === 'number' ? value : undefined),
}

/** `true` or `false`; false when absent. */
export const flag: MemberKind<boolean> = {
  says: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : undefined),
  absent: false,
}

type Kinds = { readonly [member: string]: MemberKind<unknown> }
type Members<K extends Kinds> = {
  readonly [M in keyof K]: K[M] extends MemberKind<infer T> ? T : never
}

/** Reads a body of known members: 422 `invalid_request`, with the pointer to what is wrong. */
export function readMembers<K extends Kinds>(json: Json, kinds: K): Result<Members<K>, Refusal> {
  const members = knownMembers(json, Object.keys(kinds))
  if (!members.ok) return members
  const read: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(kinds)) {
    const value = memberOf(members.value, name)
    read[name] = value === undefined ? kind.absent : kind.read(value)
    if (read[name] === undefined) return invalidRequest([name], `${name} must be ${kind.says}`)
  }
  return { ok: true, value: read as Members<K> }
}

/**
 * A body, or the object at `at` inside it, that has none but the known members; what they are is for
 * the caller to check. Refuses with `invalid_request`.
 */
export function knownMembers(
  json: Json,
  known: readonly string[],
  at: readonly string[] = [],
): Result<JsonObject, Refusal> {
  if (!isObject(json)) {
    return invalidRequest(at, `${at.at(-1) ?? 'the body'} must be a JSON object`)
  }
  const unknown = Object.keys(json).find((name) => !known.includes(name))
  if (unknown === undefined) return { ok: true, value: json }
  const near = closestName(unknown, known)
  const meant = near === undefined ? known.join(', ') : `did you mean '${near}'?`
  return invalidRequest([...at, unknown], `unknown member '${unknown}': ${meant}`)
}

/** 422 `invalid_request` about the member at a path; `[]` is the body itself. */
export function invalidRequest(at: readonly string[], message: string): Refused {
  // A name that the sender chose: it must not fill the answer.
  const path = at.map((name) => `/${escapePointer(name.slice(0, MAX_NAME))}`).join('')
  return { ok: false, error: refuse('invalid_request', { message, body: { path } }) }
}

/** Characters of a member's name that a pointer shows. */
const MAX_NAME = 128

function memberOf(json: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(json, name) ? json[name] : undefined
}
