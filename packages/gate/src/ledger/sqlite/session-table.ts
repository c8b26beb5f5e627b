import type { Database, Statement } from './database.js'
import { integer, integerOrNull, type Row } from './row.js'

/** Numbers and budget of one session. */
export interface Session {
  lastSeq: number
  /** `undefined`: no budget. `null`: a budget without a limit. */
  callsRemaining: number | null | undefined
}

/** Rows kept in memory before they are dropped and read again. */
const CACHE_LIMIT = 20_000

/**
 * Sessions, cached in memory and written once a commit. The cache is never ahead of a failed
 * commit: after one the writer stops.
 */
export class SessionTable {
  readonly #select: Statement
  readonly #upsert: Statement
  readonly #cache = new Map<string, Session>()
  readonly #changed = new Set<string>()

  constructor(db: Database) {
    this.#select = db.prepare(
      'SELECT last_seq, has_budget, calls_remaining FROM sessions WHERE session_id = ?',
    )
    this.#upsert =
      db.prepare(`INSERT INTO sessions (session_id, last_seq, has_budget, calls_remaining)
      VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq,
        has_budget = excluded.has_budget, calls_remaining = excluded.calls_remaining`)
  }

  /** The session as it is inside the transaction; a new one when there is none. */
  get(sessionId: string): Readonly<Session> {
    const cached = this.#cache.get(sessionId)
    if (cached !== undefined) return cached
    const session = readSession(this.#select.get(sessionId)) ?? {
      lastSeq: 0,
      callsRemaining: undefined,
    }
    this.#cache.set(sessionId, session)
    return session
  }

  /** Assigns the next number of the session. */
  nextSeq(sessionId: string): number {
    const session = this.#change(sessionId)
    session.lastSeq += 1
    return session.lastSeq
  }

  setBudget(sessionId: string, callsRemaining: number | null): void {
    this.#change(sessionId).callsRemaining = callsRemaining
  }

  /** Takes calls from a limited budget, or gives them back. */
  addCalls(sessionId: string, calls: number): void {
    const session = this.#change(sessionId)
    if (typeof session.callsRemaining === 'number') session.callsRemaining += calls
  }

  /** Writes every changed row. Called once, before the commit. */
  flush(): void {
    for (const sessionId of this.#changed) {
      const { lastSeq, callsRemaining } = this.get(sessionId)
      const hasBudget = callsRemaining === undefined ? 0 : 1
      this.#upsert.run(sessionId, lastSeq, hasBudget, callsRemaining ?? null)
    }
    this.#changed.clear()
    if (this.#cache.size > CACHE_LIMIT) this.#cache.clear()
  }

  #change(sessionId: string): Session {
    this.#changed.add(sessionId)
    return this.get(sessionId)
  }
}

/** A row of `sessions`, or undefined when there is none. */
export function readSession(row: unknown): Session | undefined {
  if (row === undefined) return undefined
  const columns = row as Row
  const calls = integerOrNull(columns, 'calls_remaining')
  return {
    lastSeq: integer(columns, 'last_seq'),
    callsRemaining: integer(columns, 'has_budget') === 0 ? undefined : calls,
  }
}
