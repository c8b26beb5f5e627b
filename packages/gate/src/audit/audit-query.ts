import { isoMillis, type Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'

/** What an operator asks of the audit events (spec/http-api 12.2, and `approval_id`). */
export interface AuditQuery {
  /** Exact values of members of the event. */
  readonly equal: Readonly<Partial<Record<AuditMember, string>>>
  /** `YYYY-MM-DDTHH:MM:SS.sssZ`, strictly later and strictly earlier. */
  readonly after?: string
  readonly before?: string
  /** 1 to 1000. */
  readonly limit: number
  /** Only events before this leaf. */
  readonly cursor?: number
  /** Only events after this leaf, oldest first. */
  readonly sinceIndex?: number
}

/** Members of an event that can be asked for. */
export type AuditMember = (typeof MEMBERS)[number]

const MEMBERS = [
  'trace_id',
  'event_type',
  'action_id',
  'principal',
  'session_id',
  'decision',
  'approval_id',
] as const
/** How many events an answer has, when the question does not say, and at most. */
export const EVENT_LIMIT = { fallback: 100, most: 1000 } as const

const TIME_FORM =
  /^(\d{4}-\d{2}-\d{2})[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/

/**
 * Reads a query string. Refuses with `bad_request`, naming the parameter and its value; a parameter
 * that is not known is no reason to refuse.
 */
export function parseAuditQuery(
  raw: Readonly<Record<string, unknown>>,
): Result<AuditQuery, Refusal> {
  try {
    return { ok: true, value: read(raw) }
  } catch (error) {
    if (!(error instanceof BadParameter)) throw error
    return { ok: false, error: refuse('bad_request', { message: error.message }) }
  }
}

class BadParameter extends Error {}

function read(raw: Readonly<Record<string, unknown>>): AuditQuery {
  const equal: Partial<Record<AuditMember, string>> = {}
  for (const member of MEMBERS) {
    const value = parameter(raw, member)
    if (value !== undefined) equal[member] = value
  }
  const after = time(raw, 'after')
  const before = time(raw, 'before')
  const cursor = position(raw, 'cursor', /^\d{1,15}$/)
  const sinceIndex = position(raw, 'since_index', /^(?:-1|\d{1,15})$/)
  if (cursor !== undefined && sinceIndex !== undefined) {
    throw new BadParameter('`cursor` and `since_index` lead into opposite directions: send one')
  }
  return {
    equal,
    limit: limit(raw),
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(sinceIndex === undefined ? {} : { sinceIndex }),
  }
}

// Two values for one question have two answers, and which one was meant nobody can know.
function parameter(raw: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = raw[name]
  if (value === undefined || typeof value === 'string') return value
  throw new BadParameter(`\`${name}\` is given more than once`)
}

function limit(raw: Readonly<Record<string, unknown>>): number {
  const value = parameter(raw, 'limit')
  if (value === undefined) return EVENT_LIMIT.fallback
  if (!/^[+-]?\d+$/.test(value)) {
    throw new BadParameter(`\`limit\` is no whole number: ${shown(value)}`)
  }
  return Math.min(EVENT_LIMIT.most, Math.max(1, Number(value)))
}

function position(
  raw: Readonly<Record<string, unknown>>,
  name: string,
  form: RegExp,
): number | undefined {
  const value = parameter(raw, name)
  if (value === undefined) return undefined
  if (form.test(value)) return Number(value)
  const source = name === 'cursor' ? '`next_cursor`' : '`next_since_index`'
  throw new BadParameter(`\`${name}\` is not a ${source} of this gate: ${shown(value)}`)
}

/** Records are to the millisecond: a finer `after` is rounded down, a finer `before` up. */
function time(
  raw: Readonly<Record<string, unknown>>,
  name: 'after' | 'before',
): string | undefined {
  const value = parameter(raw, name)
  if (value === undefined) return undefined
  const [, day = '', clock = '', fraction = '', zone = ''] = TIME_FORM.exec(value) ?? []
  const wholeSeconds = Date.parse(`${day}T${clock}${zone.toUpperCase()}`)
  // A day that its month does not have is another day to the parser.
  const isDay = isoDay(Date.parse(`${day}T00:00:00Z`)) === day
  const isFiner = /[1-9]/.test(fraction.slice(3))
  const ms =
    wholeSeconds +
    Number(fraction.slice(0, 3).padEnd(3, '0')) +
    (name === 'before' && isFiner ? 1 : 0)
  const year = new Date(ms).getUTCFullYear()
  if (day !== '' && isDay && year >= 0 && year <= 9999) return isoMillis(ms)
  throw new BadParameter(
    `\`${name}\` is no time: ${shown(value)}; write it as 2026-03-01T10:00:00Z or ` +
      '2026-03-01T11:00:00.5%2B01:00',
  )
}

function isoDay(ms: number): string | null {
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10)
}

function shown(value: string): string {
  return `'${value.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?')}'`
}
