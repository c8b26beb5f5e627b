import { closestName } from '@latchgate/catalogue'
import type { Json, JsonObject, Result } from '@latchgate/protocol'
import type { Quota } from '../policy/data-document.js'
import { isList, isObject } from '../policy/document-reader.js'
import { type Refusal, refuse } from '../refusal.js'

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

/** A list of `{calls?, cost_usd_cents?, window_seconds}`. */
export const quotas: MemberKind<readonly Quota[]> = {
  says: 'an array of {calls?, cost_usd_cents?, window_seconds}, all numbers',
  read: (value) => {
    if (!isList(value)) return undefined
    const list = value.map(readQuota)
    return list.every((one) => one !== undefined) ? list : undefined
  },
}

function readQuota(value: Json): Quota | undefined {
  if (!isObject(value)) return undefined
  const known = ['calls', 'cost_usd_cents', 'window_seconds']
  const members = Object.entries(value)
  if (members.some(([name, one]) => !known.includes(name) || typeof one !== 'number')) {
    return undefined
  }
  return Object.hasOwn(value, 'window_seconds') ? (value as unknown as Quota) : undefined
}

type Kinds = { readonly [member: string]: MemberKind<unknown> }
type Members<K extends Kinds> = {
  readonly [M in keyof K]: K[M] extends MemberKind<infer T> ? T : never
}

/** Reads a body of known members: 422 `invalid_request`, with the pointer to what is wrong. */
export function readMembers<K extends Kinds>(json: Json, kinds: K): Result<Members<K>, Refusal> {
  if (!isObject(json)) return wrong('', 'the body must be a JSON object')
  const names = Object.keys(kinds)
  const unknown = Object.keys(json).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const near = closestName(unknown, names)
    const meant = near === undefined ? names.join(', ') : `did you mean '${near}'?`
    return wrong(unknown, `unknown member '${unknown}': ${meant}`)
  }
  const read: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(kinds)) {
    const value = memberOf(json, name)
    read[name] = value === undefined ? kind.absent : kind.read(value)
    if (read[name] === undefined) return wrong(name, `${name} must be ${kind.says}`)
  }
  return { ok: true, value: read as Members<K> }
}

function memberOf(json: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(json, name) ? json[name] : undefined
}

function wrong(member: string, message: string): { readonly ok: false; readonly error: Refusal } {
  const path =
    member === '' ? '' : `/${member.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')}`
  return { ok: false, error: refuse('invalid_request', { message, body: { path } }) }
}
