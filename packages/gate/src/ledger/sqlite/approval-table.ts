import type { ApprovalState } from '@latchgate/protocol'
import type { Revocation } from '../port.js'
import type { Database, Statement } from './database.js'
import { integer, type Row, text } from './row.js'

/** An approval as the guards see it. */
export interface ApprovalRow {
  readonly approvalId: string
  /** Index of the hold's leaf. */
  readonly leaf: number
  readonly planHash: string
  /** Unix milliseconds. */
  readonly expiresAt: number
  readonly required: number
  readonly state: ApprovalState
}

/** A held call, as it enters the table. */
export interface NewApproval {
  readonly approvalId: string
  readonly leaf: number
  readonly principal: string
  readonly sessionId: string
  readonly leaseJti: string
  readonly callHash: string
  readonly planHash: string
  readonly expiresAt: number
  readonly required: number
}

/**
 * Held calls and what became of them (spec/pipeline 8.1). A row stays for ever: an approval begins at
 * most once. Every method runs inside the caller's transaction.
 */
export class ApprovalTable {
  readonly #insert: Statement
  readonly #select: Statement
  readonly #byCall: Statement
  readonly #count: Statement
  readonly #end: Statement
  readonly #begin: Statement
  readonly #settle: Statement
  readonly #overdue: Statement
  readonly #revoke: Readonly<Record<Revocation['kind'], Statement>>
  readonly #vote: Statement
  readonly #votes: Statement
  readonly #hasVoted: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(`INSERT INTO approvals
      (approval_id, leaf, principal, session_id, lease_jti, call_hash, plan_hash, expires_at, required,
       state, grant_id, end_leaf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', NULL, NULL)`)
    this.#select = db.prepare('SELECT * FROM approvals WHERE approval_id = ?')
    this.#byCall = db.prepare(
      "SELECT * FROM approvals WHERE principal = ? AND call_hash = ? AND state = 'pending'",
    )
    this.#count = db.prepare(`SELECT count(*) AS n FROM approvals
      WHERE principal = ? AND state = 'pending' AND expires_at > ?`)
    this.#end = db.prepare(`UPDATE approvals SET state = ?, end_leaf = ?
      WHERE approval_id = ? AND state = 'pending'`)
    this.#begin = db.prepare(`UPDATE approvals SET state = 'claimed', grant_id = ?, end_leaf = ?
      WHERE approval_id = ? AND state = 'pending'`)
    this.#settle = db.prepare(`UPDATE approvals SET state = ?, end_leaf = ? WHERE grant_id = ?`)
    this.#overdue = db.prepare(`SELECT * FROM approvals WHERE state = 'pending' AND expires_at <= ?
      ORDER BY expires_at LIMIT ?`)
    const revoke = (where: string): Statement =>
      db.prepare(
        `UPDATE approvals SET state = 'revoked', end_leaf = ?
          WHERE state = 'pending' AND expires_at > ? ${where}`,
      )
    this.#revoke = {
      all: revoke(''),
      principal: revoke('AND principal = ?'),
      session: revoke('AND session_id = ?'),
      lease: revoke('AND lease_jti = ?'),
    }
    this.#vote = db.prepare(
      'INSERT INTO approval_votes (approval_id, operator, leaf) VALUES (?, ?, ?)',
    )
    this.#votes = db.prepare('SELECT count(*) AS n FROM approval_votes WHERE approval_id = ?')
    this.#hasVoted = db.prepare(
      'SELECT 1 AS n FROM approval_votes WHERE approval_id = ? AND operator = ?',
    )
  }

  insert(approval: NewApproval): void {
    const { approvalId, leaf, principal, sessionId, leaseJti } = approval
    const { callHash, planHash, expiresAt, required } = approval
    this.#insert.run(
      approvalId,
      leaf,
      principal,
      sessionId,
      leaseJti,
      callHash,
      planHash,
      expiresAt,
      required,
    )
  }

  find(approvalId: string): ApprovalRow | undefined {
    return approvalRow(this.#select.get(approvalId))
  }

  /** The pending approval of the same call, expired or not. */
  pendingCall(principal: string, callHash: string): ApprovalRow | undefined {
    return approvalRow(this.#byCall.get(principal, callHash))
  }

  /** Pending approvals of a principal that have not expired. */
  countPending(principal: string, now: number): number {
    return integer(this.#count.get(principal, now) as Row, 'n')
  }

  /** Ends a pending approval without an execution; `leaf` says so. */
  end(approvalId: string, state: 'denied' | 'failed' | 'expired', leaf: number): void {
    this.#end.run(state, leaf, approvalId)
  }

  /** A grant has been given for it; `leaf` is that of the decision. */
  begin(approvalId: string, grantId: string, leaf: number): void {
    this.#begin.run(grantId, leaf, approvalId)
  }

  /** What became of the execution, if the grant is of an approval. */
  settle(grantId: string, state: 'approved' | 'failed', leaf: number): void {
    this.#settle.run(state, leaf, grantId)
  }

  /** Pending approvals whose time has come, oldest first. */
  overdue(now: number, limit: number): readonly ApprovalRow[] {
    return this.#overdue.all(now, limit).flatMap((row) => approvalRow(row) ?? [])
  }

  /**
   * Ends the pending approvals that a revocation reaches; returns how many. One that has expired has
   * ended already, and is recorded as that.
   */
  revoke({ kind, value }: Revocation, leaf: number, now: number): number {
    const statement = this.#revoke[kind]
    const result = value === null ? statement.run(leaf, now) : statement.run(leaf, now, value)
    return Number(result.changes)
  }

  hasVoted(approvalId: string, operator: string): boolean {
    return this.#hasVoted.get(approvalId, operator) !== undefined
  }

  vote(approvalId: string, operator: string, leaf: number): void {
    this.#vote.run(approvalId, operator, leaf)
  }

  /** Operators who have approved. */
  votes(approvalId: string): number {
    return integer(this.#votes.get(approvalId) as Row, 'n')
  }
}

function approvalRow(found: unknown): ApprovalRow | undefined {
  if (found === undefined) return undefined
  const row = found as Row
  return {
    approvalId: text(row, 'approval_id'),
    leaf: integer(row, 'leaf'),
    planHash: text(row, 'plan_hash'),
    expiresAt: integer(row, 'expires_at'),
    required: integer(row, 'required'),
    state: text(row, 'state') as ApprovalState,
  }
}
