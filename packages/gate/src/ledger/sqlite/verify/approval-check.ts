import { ApprovalHistory, type Findings, type Leaf, type LoggedApproval } from '@latchgate/evidence'
import type { Database, Statement } from '../database.js'
import type { Row } from '../row.js'

/**
 * Holds the tables of approvals and votes against the log: an approval whose row says that it is
 * pending could begin again, and a vote that nobody gave could complete a quorum. What is wrong with
 * the log itself is reported by the walk over it.
 */
export class ApprovalCheck {
  readonly #db: Database
  readonly #findings: Findings
  readonly #history = new ApprovalHistory()
  readonly #votes: Statement

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
    this.#votes = db.prepare('SELECT operator, leaf FROM approval_votes WHERE approval_id = ?')
  }

  add(index: number, leaf: Leaf): void {
    this.#history.add(index, leaf)
  }

  finish(): void {
    const missing = new Map(this.#history.approvals)
    for (const row of this.#db.prepare('SELECT * FROM approvals').iterate() as Iterable<Row>) {
      const id = String(row['approval_id'])
      const logged = missing.get(id)
      missing.delete(id)
      if (logged === undefined) {
        this.#report(id, 'the approval is in the table, but not in the log', 'approvals')
      } else {
        this.#compare(row, logged)
      }
    }
    for (const id of missing.keys()) {
      this.#report(id, 'the approval is in the log, but not in the table', 'approvals')
    }
    this.#findStrayVotes()
  }

  #compare(row: Row, logged: LoggedApproval): void {
    for (const [column, value] of Object.entries(columnsOf(logged))) {
      if (row[column] === value) continue
      const problem = `the table says ${JSON.stringify(row[column])}, the log ${JSON.stringify(value)}`
      this.#report(logged.approvalId, problem, `approvals.${column}`)
    }
    this.#compareVotes(logged)
  }

  #compareVotes({ approvalId, votes }: LoggedApproval): void {
    const missing = new Map(votes)
    for (const { operator, leaf } of this.#votes.all(approvalId) as Row[]) {
      const name = String(operator)
      const expected = missing.get(name)
      missing.delete(name)
      if (expected === leaf) continue
      const problem =
        expected === undefined
          ? `the table has a vote of '${name}', the log has none`
          : `the vote of '${name}' is leaf ${expected}, not ${String(leaf)}`
      this.#report(approvalId, problem, 'approval_votes')
    }
    for (const name of missing.keys()) {
      this.#report(approvalId, `the vote of '${name}' is not in the table`, 'approval_votes')
    }
  }

  #findStrayVotes(): void {
    const rows = this.#db.prepare('SELECT DISTINCT approval_id FROM approval_votes')
    for (const row of rows.iterate() as Iterable<Row>) {
      const id = String(row['approval_id'])
      if (this.#history.approvals.has(id)) continue
      this.#report(id, 'the votes are of no approval of the log', 'approval_votes')
    }
  }

  #report(id: string, problem: string, column: string): void {
    const index = this.#history.approvals.get(id)?.leaf ?? null
    this.#findings.add(problem, { index, id, column })
  }
}

function columnsOf(approval: LoggedApproval): Row {
  return {
    leaf: approval.leaf,
    principal: approval.principal,
    session_id: approval.sessionId,
    lease_jti: approval.leaseJti,
    call_hash: approval.callHash,
    plan_hash: approval.planHash,
    expires_at: approval.expiresAt,
    required: approval.required,
    state: approval.state,
    grant_id: approval.grantId,
    end_leaf: approval.endLeaf,
  }
}
