import { type Json, JsonFault, parseJson } from '@latchgate/protocol'
import {
  type DataProblem,
  DocumentReader,
  isList,
  isObject,
  isPrintable,
} from './document-reader.js'
import { MAX_QUORUM } from './interpret-decision.js'

/** Rights of one principal, or of `*`. */
export type AclEntry = {
  readonly allowed_actions: readonly string[]
  readonly allowed_sinks: readonly string[]
  readonly inherits_wildcard?: boolean
}

/** A quota of design 6. At least one of the two limits is there; cost is in US cents. */
export type Quota = {
  readonly calls?: number
  readonly cost_usd_cents?: number
  readonly window_seconds: number
}

/** `data.json` as validated: comments removed, absent parts empty (spec/pipeline 5.4, design 6). */
export type PolicyData = {
  readonly policy_version: string
  readonly acl: { readonly [principal: string]: AclEntry }
  readonly latchgate: {
    readonly allowlist: PerAction<boolean>
    readonly require_approval: PerAction<true>
    readonly quotas: { readonly [who: string]: readonly Quota[] }
    /** How many must approve, where an approval is needed; `*` is every action, or everybody. */
    readonly quorum: PerAction<number>
  }
}

type PerAction<T> = { readonly [action: string]: { readonly [who: string]: T } }

/** The document is refused, with everything that is wrong in it. */
export class PolicyDataError extends Error {
  readonly problems: readonly DataProblem[]

  constructor(problems: readonly DataProblem[]) {
    const lines = problems.map(({ key, problem, fix }) => `\`${key}\` ${problem}: ${fix}`)
    super(`policy data: ${lines.join('; ')}`)
    this.name = 'PolicyDataError'
    this.problems = problems
  }
}

/** Ids of actions, as in manifests. */
export const ACTION_ID: RegExp = /^[A-Za-z0-9_-]{1,128}$/
const SINK = /^[A-Za-z0-9_.:-]{1,128}$/
const LISTS = ['allowlist', 'require_approval', 'quotas', 'quorum']
/** Longest window of a quota: a leap year. */
export const MAX_WINDOW_SECONDS: number = 366 * 24 * 3600

/** Reads the bytes of `data.json`; throws `PolicyDataError`. */
export function parsePolicyData(bytes: Uint8Array | string): PolicyData {
  let value: Json
  try {
    value = parseJson(bytes)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    const fix = 'correct the JSON; nothing of it was used'
    throw new PolicyDataError([{ key: error.path, problem: error.message, fix }])
  }
  return validatePolicyData(value)
}

/** Checks a parsed document; throws `PolicyDataError` with every problem in it. */
export function validatePolicyData(value: Json): PolicyData {
  const reader = new DocumentReader()
  const root = reader.object('', value, ['policy_version', 'acl', 'latchgate'])
  if (root === null) throw new PolicyDataError(reader.problems)
  const data = {
    policy_version: readVersion(reader, root.policy_version),
    acl: readAcl(reader, root.acl),
    latchgate: readLists(reader, root.latchgate ?? {}),
  }
  if (reader.problems.length > 0) throw new PolicyDataError(reader.problems)
  return data
}

function readVersion(reader: DocumentReader, value: Json | undefined): string {
  if (typeof value === 'string' && isPrintable(value, 128)) return value
  reader.refuse(
    'policy_version',
    value === undefined ? 'is missing' : 'is not a text of 1 to 128 printable characters',
    'name this version of the rights, e.g. "team-1": it is in every record',
  )
  return ''
}

function readAcl(reader: DocumentReader, value: Json | undefined): PolicyData['acl'] {
  if (value === undefined) {
    reader.refuse('acl', 'is missing', 'write {} to deny everything')
    return {}
  }
  // A comment is a text. An entry dropped as one would give its principal the wildcard's rights.
  for (const [name, entry] of Object.entries(isObject(value) ? value : {})) {
    if (!name.startsWith('_') || typeof entry === 'string') continue
    reader.refuse(`acl.${name}`, 'would be ignored, as keys that start with `_` are', 'rename it')
  }
  return reader.named('acl', value, (key, entry, principal) =>
    readEntry(reader, key, entry, principal),
  )
}

function readEntry(
  reader: DocumentReader,
  key: string,
  value: Json,
  principal: string,
): AclEntry | undefined {
  const known = ['allowed_actions', 'allowed_sinks', 'inherits_wildcard']
  const entry = reader.object(key, value, known)
  if (entry === null) return undefined
  const lists = {
    allowed_actions: reader.names(`${key}.allowed_actions`, entry.allowed_actions, ACTION_ID),
    allowed_sinks: reader.names(`${key}.allowed_sinks`, entry.allowed_sinks, SINK),
  }
  const inherits = entry.inherits_wildcard
  if (inherits === undefined) return lists
  if (typeof inherits !== 'boolean') {
    reader.refuse(`${key}.inherits_wildcard`, 'is not a boolean', 'write true or false')
  } else if (inherits && principal === '*') {
    reader.refuse(`${key}.inherits_wildcard`, 'has no meaning in the wildcard', 'remove it')
  }
  return { ...lists, inherits_wildcard: inherits === true }
}

function readLists(reader: DocumentReader, value: Json): PolicyData['latchgate'] {
  const lists = reader.object('latchgate', value, LISTS) ?? {}
  return {
    allowlist: readPerAction(reader, 'latchgate.allowlist', lists.allowlist ?? {}, readBypass),
    require_approval: readPerAction(
      reader,
      'latchgate.require_approval',
      lists.require_approval ?? {},
      readRule,
    ),
    quotas: reader.named('latchgate.quotas', lists.quotas ?? {}, (key, quotas) =>
      readQuotas(reader, key, quotas),
    ),
    quorum: readPerAction(reader, 'latchgate.quorum', lists.quorum ?? {}, readQuorum, ['*']),
  }
}

function readPerAction<T extends Json>(
  reader: DocumentReader,
  key: string,
  value: Json,
  read: (reader: DocumentReader, key: string, value: Json, who: string) => T | undefined,
  patterns: readonly string[] = [],
): PerAction<T> {
  return reader.named(key, value, (actionKey, entries, action) => {
    if (!ACTION_ID.test(action) && !patterns.includes(action)) {
      reader.refuse(actionKey, 'is not an action', 'name one action; there are no patterns')
    }
    return reader.named(actionKey, entries, (entryKey, entry, who) =>
      read(reader, entryKey, entry, who),
    )
  })
}

function readBypass(
  reader: DocumentReader,
  key: string,
  value: Json,
  who: string,
): boolean | undefined {
  if (who === '*') {
    reader.refuse(key, 'cannot waive an approval for everybody', 'name principals one by one')
  }
  if (typeof value === 'boolean') return value
  reader.refuse(key, 'is not a boolean', 'write true, or remove the key')
  return undefined
}

// `false` would read as an exemption from a rule for `*`, and there is no such thing.
function readRule(reader: DocumentReader, key: string, value: Json): true | undefined {
  if (value === true) return true
  reader.refuse(key, 'is not true', 'write true, or remove the key')
  return undefined
}

function readQuorum(reader: DocumentReader, key: string, value: Json): number {
  return reader.integer(key, value, 1, MAX_QUORUM)
}

function readQuotas(reader: DocumentReader, key: string, value: Json): readonly Quota[] {
  if (!isList(value)) {
    reader.refuse(key, 'is not a list', 'write [{"calls": 100, "window_seconds": 3600}]')
    return []
  }
  return value.flatMap((one, index) => readQuota(reader, `${key}[${index}]`, one))
}

function readQuota(reader: DocumentReader, key: string, value: Json): readonly Quota[] {
  const quota = reader.object(key, value, ['calls', 'cost_usd_cents', 'window_seconds'])
  if (quota === null) return []
  const limit = (name: 'calls' | 'cost_usd_cents'): { readonly [limit: string]: number } =>
    quota[name] === undefined
      ? {}
      : { [name]: reader.integer(`${key}.${name}`, quota[name], 0, Number.MAX_SAFE_INTEGER) }
  const limits = { ...limit('calls'), ...limit('cost_usd_cents') }
  if (Object.keys(limits).length === 0) {
    reader.refuse(key, 'limits nothing', 'give `calls`, `cost_usd_cents` or both')
  }
  const window = reader.integer(
    `${key}.window_seconds`,
    quota.window_seconds,
    1,
    MAX_WINDOW_SECONDS,
  )
  return [{ ...limits, window_seconds: window }]
}
