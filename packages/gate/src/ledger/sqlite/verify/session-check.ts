import type { Findings, Leaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

interface Session {
  lastSeq: number
  /** `undefined`: no budget. `null`: a budget without a limit. */
  calls: number | null | undefined
}

/** Recomputes numbers and budgets of sessions from leases, intents and decisions. */
export class SessionCheck {
  readonly #db: Database
  readonly #findings: Findings
  readonly #sessions = new Map<string, Session>()
  /** Session of every debited grant that has no decision yet. */
  readonly #debited = new Map<string, string>()

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
  }

  add(_index: number, { type, body }: Leaf): void {
    const { session_id: id, session_seq: sequence, grant_id: grant } = body
    if (type === 'lease' && typeof id === 'string' && body['budget'] !== undefined) {
      const calls = (body['budget'] as JsonObject)['max_calls']
      this.#of(id).calls = typeof calls === 'number' ? calls : null
    }
    if (typeof id === 'string' && typeof sequence === 'number') {
      const session = this.#of(id)
      session.lastSeq = Math.max(session.lastSeq, sequence)
    }
    if (type === 'intent' && body['debit'] === true && typeof id === 'string') {
      this.#addCalls(id, -1)
      this.#debited.set(String(grant), id)
    }
    if (type === 'decision' && typeof grant === 'string') {
      const debited = this.#debited.get(grant)
      this.#debited.delete(grant)
      if (debited !== undefined && body['refund'] === true) this.#addCalls(debited, 1)
    }
  }

  finish(): void {
    for (const row of this.#db.prepare('SELECT * FROM sessions').iterate() as Iterable<Row>) {
      const id = String(row['session_id'])
      const expected = this.#sessions.get(id)
      this.#sessions.delete(id)
      if (expected === undefined) {
        this.#findings.add('the session is in the table, but not in the log', {
          id,
          column: 'sessions',
        })
        continue
      }
      const stored = budgetOf(row)
      if (row['last_seq'] !== expected.lastSeq) {
        const problem = `the table says call ${String(row['last_seq'])}, the log ${expected.lastSeq}`
        this.#findings.add(problem, { id, column: 'sessions.last_seq' })
      }
      if (stored !== expected.calls) {
        const problem = `the table says ${callsText(stored)}, the log ${callsText(expected.calls)}`
        this.#findings.add(problem, { id, column: 'sessions.calls_remaining' })
      }
    }
    for (const [id, { lastSeq, calls }] of this.#sessions) {
      if (lastSeq === 0 && calls === undefined) continue
      this.#findings.add('the session is in the log, but not in the table', {
        id,
        column: 'sessions',
      })
    }
  }

  #of(id: string): Session {
    const known = this.#sessions.get(id)
    if (known !== undefined) return known
    const session: Session = { lastSeq: 0, calls: undefined }
    this.#sessions.set(id, session)
    return session
  }

  #addCalls(id: string, calls: number): void {
    const session = this.#of(id)
    if (typeof session.calls === 'number') session.calls += calls
  }
}

// Exactly as the writer stores it: what it would read the same way is still not what it wrote.
function budgetOf({ has_budget, calls_remaining }: Row): unknown {
  if (has_budget === 1) return calls_remaining
  return has_budget === 0 && calls_remaining === null ? undefined : 'contradictory'
}

function callsText(calls: unknown): string {
  if (calls === undefined) return 'no budget'
  return calls === null ? 'no limit' : `${String(calls)} calls left`
}
