import type { Findings, Leaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

/** Makes every recorded change of the learned rules again: a rule too many is an open destination. */
export class LearnedCheck {
  readonly #db: Database
  readonly #findings: Findings
  /** Index of the record that added it, by rule. */
  readonly #rules = new Map<string, number>()

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
  }

  add(index: number, { type, id, body }: Leaf): void {
    const rule = body['rule']
    if (type !== 'policy' || typeof rule !== 'object' || rule === null) return
    const { change, kind, action_id: action } = rule as JsonObject
    const key = keyOf(rule as JsonObject)
    switch (change) {
      case 'add':
        if (!this.#rules.has(key)) this.#rules.set(key, index)
        return
      case 'remove':
        this.#rules.delete(key)
        return
      case 'clear':
        for (const one of this.#rules.keys()) {
          const [ofKind, ofAction] = JSON.parse(one) as unknown[]
          if (ofKind === kind && ofAction === action) this.#rules.delete(one)
        }
        return
      default: {
        const at = { index, id, column: 'learned_rules' }
        this.#findings.add(`unknown change '${String(change)}' of a rule`, at)
      }
    }
  }

  finish(): void {
    const rows = this.#db.prepare('SELECT * FROM learned_rules').iterate() as Iterable<Row>
    for (const row of rows) {
      const key = keyOf(row as JsonObject)
      const leaf = this.#rules.get(key)
      this.#rules.delete(key)
      if (leaf === row['leaf']) continue
      const problem =
        leaf === undefined
          ? 'the rule is in the table, but nobody added it'
          : `the rule is of leaf ${leaf}, not ${String(row['leaf'])}`
      this.#findings.add(problem, { index: leaf ?? null, id: key, column: 'learned_rules' })
    }
    for (const [id, index] of this.#rules) {
      const at = { index, id, column: 'learned_rules' }
      this.#findings.add('the rule is in the log, but not in the table', at)
    }
  }
}

function keyOf({ kind, action_id, value, principal }: JsonObject): string {
  return JSON.stringify([kind, action_id, value, principal])
}
