import { canonicalize, isoMillis } from '@latchgate/protocol'
import type { LeafFilter, LeafStep, LeafWalk } from '../port.js'
import type { Database, SqlValue, Statement } from './database.js'
import { CLOCK_TOLERANCE_MS } from './record-clock.js'
import { blob, integer, type Row, requireRow } from './row.js'

/** Records that one step passes at most. */
export const LEAVES_A_STEP = 500
/** Records that one step returns at most: each is parsed by whoever asked. */
const FOUND_A_STEP = 50

interface Condition {
  /** A fixed text: nothing that was asked for is ever part of it. */
  readonly sql: string
  readonly values: readonly SqlValue[]
}

/**
 * Walks over the records by their index, a bounded step at a time. Records of one trace are found by
 * their index in SQLite; for everything else rows are passed one by one, without leaving SQLite for
 * those that do not fit.
 */
export class LeafWalker {
  readonly #db: Database
  readonly #newest: Statement
  readonly #isPast: Statement
  // One statement for each combination of conditions, of which there are few.
  readonly #statements = new Map<string, Statement>()

  constructor(db: Database) {
    this.#db = db
    this.#newest = db.prepare('SELECT coalesce(max(leaf), -1) AS newest FROM leaves')
    // A receipt and its decision are written whatever the clock says: they prove nothing of others.
    this.#isPast = db.prepare(`SELECT 1 AS past FROM leaves
      WHERE leaf >= ? AND leaf < ? AND type NOT IN ('receipt', 'decision') AND time <= ? LIMIT 1`)
  }

  /** One step; `from` of its answer continues it. */
  walk({ towards, from, filter }: LeafWalk): LeafStep {
    const newest = integer(requireRow(this.#newest.get(), 'the newest leaf'), 'newest')
    const isOlder = towards === 'older'
    // From beyond the newest record is from there: the next one must not be passed unseen.
    const start = isOlder ? Math.min(from ?? newest + 1, newest + 1) : Math.min(from ?? -1, newest)
    // The records of one trace are few, wherever they are.
    const width = filter.traceId === undefined ? LEAVES_A_STEP : newest + 2
    const low = isOlder ? Math.max(0, start - width) : start + 1
    const high = isOlder ? start : Math.min(newest + 1, start + 1 + width)
    const rows = this.#select(isOlder, low, high, filter)
    const leaves = rows.map((row) => ({ index: integer(row, 'leaf'), bytes: blob(row, 'bytes') }))
    const last = leaves.at(-1)
    const isFull = leaves.length === FOUND_A_STEP && last !== undefined
    const reached = isFull ? last.index : isOlder ? low : Math.max(start, high - 1)
    const isEnd = !isFull && (isOlder ? low === 0 : high >= newest + 1)
    return {
      leaves,
      from: reached,
      done: isEnd || (isOlder && !isFull && this.#isAllEarlier(low, high, filter.after)),
      passed: Math.abs(reached - start),
      newest,
    }
  }

  #select(isOlder: boolean, low: number, high: number, filter: LeafFilter): Row[] {
    const conditions = [
      { sql: 'leaf >= ?', values: [low] },
      { sql: 'leaf < ?', values: [high] },
      ...conditionsOf(filter),
    ]
    const index = filter.traceId === undefined ? 'NOT INDEXED' : 'INDEXED BY leaves_by_trace'
    const text = `SELECT leaf, bytes FROM leaves ${index}
      WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}
      ORDER BY leaf ${isOlder ? 'DESC' : 'ASC'} LIMIT ${FOUND_A_STEP}`
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#db.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement.all(...conditions.flatMap(({ values }) => values)) as Row[]
  }

  // No record is written more than the clock's tolerance behind an earlier one.
  #isAllEarlier(low: number, high: number, after: string | undefined): boolean {
    if (after === undefined) return false
    const time = isoMillis(Math.max(0, Date.parse(after) - CLOCK_TOLERANCE_MS))
    return this.#isPast.get(low, high, time) !== undefined
  }
}

function conditionsOf(filter: LeafFilter): readonly Condition[] {
  const { types, traceId, actionId, principal, sessionId, decision, after, before } = filter
  const conditions: (Condition | undefined)[] = [
    types && {
      sql: 'type IN (SELECT value FROM json_each(?))',
      values: [JSON.stringify(types)],
    },
    equal('trace_id = ?', traceId),
    equal('action_id = ?', actionId),
    byName('principal', principal),
    byName('session_id', sessionId),
    equal("(type <> 'decision' OR decision = ?)", decision),
    equal('time > ?', after),
    equal('time < ?', before),
    filter.containing && { sql: 'instr(bytes, ?) > 0', values: [filter.containing] },
  ]
  return conditions.filter((condition) => condition !== undefined)
}

function equal(sql: string, value: string | undefined): Condition | undefined {
  return value === undefined ? undefined : { sql, values: [value] }
}

// An operator is in no column. Canonical JSON has one way to write the member, and no text can hold
// it: its quotes would be escaped.
function byName(
  column: 'principal' | 'session_id',
  name: string | undefined,
): Condition | undefined {
  if (name === undefined) return undefined
  const member = Buffer.from(`"operator":${canonicalize(name)}`)
  return {
    sql: `(${column} = ? OR (type IN ('admin', 'policy', 'revocation', 'resolution') AND instr(bytes, ?) > 0))`,
    values: [name, member],
  }
}
