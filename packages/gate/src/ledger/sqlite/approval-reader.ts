import { parseLeaf } from '@latchgate/evidence'
import type { ApprovalState } from '@latchgate/protocol'
import type { ApprovalQuery, HeldPlan, StoredApproval } from '../port.js'
import { PAYLOADS_PER_LEAF } from './commands.js'
import type { Database, Statement } from './database.js'
import { blob, integer, type Row, text } from './row.js'

/** Approvals as they are committed, with the leaves that say so. */
export class ApprovalReader {
  readonly #db: Database
  readonly #one: Statement
  readonly #votes: Statement
  readonly #pending: Statement
  readonly #plan: Statement

  constructor(db: Database) {
    this.#db = db
    this.#one = db.prepare(`${SELECT} WHERE a.approval_id = ?`)
    this.#votes = db.prepare(`SELECT v.operator, v.leaf, l.bytes FROM approval_votes v
      JOIN leaves l ON l.leaf = v.leaf WHERE v.approval_id = ? ORDER BY v.leaf`)
    this.#pending = db.prepare(
      "SELECT count(*) AS n FROM approvals WHERE state = 'pending' AND expires_at > ?",
    )
    this.#plan = db.prepare(`SELECT p.bytes, p.salt FROM approvals a
      JOIN payloads p ON p.id = a.leaf * ${PAYLOADS_PER_LEAF}
      WHERE a.approval_id = ? AND p.kind = 'plan'`)
  }

  find(approvalId: string): StoredApproval | undefined {
    return this.#atOnce(() => {
      const row = this.#one.get(approvalId)
      return row === undefined ? undefined : this.#approval(row as Row)
    })
  }

  /** Newest first. An approval whose time is over is expired, recorded as such or not. */
  list({ states, principal, limit }: ApprovalQuery, now: number): readonly StoredApproval[] {
    const where: string[] = []
    const values: (string | number)[] = []
    if (principal !== null) {
      where.push('a.principal = ?')
      values.push(principal)
    }
    if (states?.length === 0) return []
    if (states !== null) {
      const alternatives = states.map((state) => {
        values.push(state)
        if (state === 'pending') values.push(now)
        if (state === 'expired') values.push(now)
        if (state === 'pending') return '(a.state = ? AND a.expires_at > ?)'
        if (state === 'expired') {
          return "(a.state = ? OR (a.state = 'pending' AND a.expires_at <= ?))"
        }
        return 'a.state = ?'
      })
      where.push(`(${alternatives.join(' OR ')})`)
    }
    const filter = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`
    const rows = this.#db.prepare(`${SELECT} ${filter} ORDER BY a.leaf DESC LIMIT ?`)
    return this.#atOnce(() =>
      (rows.all(...values, limit) as Row[]).map((row) => this.#approval(row)),
    )
  }

  countPending(now: number): number {
    return integer(this.#pending.get(now) as Row, 'n')
  }

  plan(approvalId: string): HeldPlan | undefined {
    const row = this.#plan.get(approvalId) as Row | undefined
    return row === undefined ? undefined : { bytes: blob(row, 'bytes'), salt: blob(row, 'salt') }
  }

  // A commit between the row and its votes would show a pending approval with the vote that began it.
  #atOnce<T>(read: () => T): T {
    this.#db.exec('BEGIN')
    try {
      return read()
    } finally {
      this.#db.exec('COMMIT')
    }
  }

  #approval(row: Row): StoredApproval {
    const approvalId = text(row, 'approval_id')
    const hold = parseLeaf(blob(row, 'hold_bytes'))
    const end = row['end_bytes'] === null ? null : parseLeaf(blob(row, 'end_bytes'))
    const votes = (this.#votes.all(approvalId) as Row[]).map((vote) => {
      const { time, body } = parseLeaf(blob(vote, 'bytes'))
      return {
        operator: text(vote, 'operator'),
        leaf: { index: integer(vote, 'leaf'), time, body },
      }
    })
    return {
      approvalId,
      state: text(row, 'state') as ApprovalState,
      principal: text(row, 'principal'),
      planHash: text(row, 'plan_hash'),
      expiresAt: integer(row, 'expires_at'),
      required: integer(row, 'required'),
      grantId: row['grant_id'] === null ? null : text(row, 'grant_id'),
      hold: { index: integer(row, 'leaf'), time: hold.time, body: hold.body },
      votes,
      end: end === null ? null : { type: end.type, time: end.time, body: end.body },
    }
  }
}

const SELECT = `SELECT a.*, h.bytes AS hold_bytes, e.bytes AS end_bytes FROM approvals a
  JOIN leaves h ON h.leaf = a.leaf LEFT JOIN leaves e ON e.leaf = a.end_leaf`
