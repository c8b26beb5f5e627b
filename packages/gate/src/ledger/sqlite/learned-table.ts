import type { LearnEntry, LearnedRule } from '../port.js'
import type { Database, Statement } from './database.js'
import { integer, type Row } from './row.js'

/** Rules of one kind that an action may have, at most (spec/http-api 12.6 has this for paths). */
const MAX_RULES = { domain: 1000, path: 50 } as const

/** Destinations and paths that were added to actions at run time. */
export class LearnedTable {
  readonly #insert: Statement
  readonly #remove: Statement
  readonly #clear: Statement
  readonly #count: Statement
  readonly #has: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(`INSERT INTO learned_rules (kind, action_id, value, principal, leaf)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
    this.#remove = db.prepare(`DELETE FROM learned_rules
      WHERE kind = ? AND action_id = ? AND value = ? AND principal = ?`)
    this.#clear = db.prepare('DELETE FROM learned_rules WHERE kind = ? AND action_id = ?')
    this.#count = db.prepare(
      'SELECT count(*) AS n FROM learned_rules WHERE kind = ? AND action_id = ?',
    )
    this.#has = db.prepare(`SELECT 1 AS n FROM learned_rules
      WHERE kind = ? AND action_id = ? AND value = ? AND principal = ?`)
  }

  /** True when there is no room for this rule; one that is there already needs none. */
  isFull({ kind, actionId, value, principal }: LearnedRule): boolean {
    if (this.#has.get(kind, actionId, value, principal) !== undefined) return false
    return integer(this.#count.get(kind, actionId) as Row, 'n') >= MAX_RULES[kind]
  }

  /** Makes a change that the record `leaf` is about; returns how many rules changed. */
  apply({ change, rule }: Pick<LearnEntry, 'change' | 'rule'>, leaf: number): number {
    const { kind, actionId, value, principal } = rule
    const result =
      change === 'add'
        ? this.#insert.run(kind, actionId, value, principal, leaf)
        : change === 'remove'
          ? this.#remove.run(kind, actionId, value, principal)
          : this.#clear.run(kind, actionId)
    return Number(result.changes)
  }
}
