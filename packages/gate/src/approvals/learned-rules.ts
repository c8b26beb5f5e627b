import type { LearnedRule, Ledger, StoredRule } from '../ledger/port.js'

/** Destinations and paths added at run time, in memory; the ledger is read again after each change. */
export class LearnedRules {
  readonly #ledger: Pick<Ledger, 'learnedRules'>
  #rules: readonly StoredRule[] = []
  #byAction = new Map<string, readonly StoredRule[]>()

  constructor(ledger: Pick<Ledger, 'learnedRules'>) {
    this.#ledger = ledger
  }

  /** Reads the rules; throws what the ledger throws, and keeps the old ones. */
  async refresh(): Promise<void> {
    const rules = await this.#ledger.learnedRules()
    this.#rules = rules
    const byAction = new Map<string, StoredRule[]>()
    for (const rule of rules) {
      const key = `${rule.kind} ${rule.actionId}`
      const known = byAction.get(key)
      if (known === undefined) byAction.set(key, [rule])
      else known.push(rule)
    }
    this.#byAction = byAction
  }

  /** What was learned for an action and a principal, or for everybody. */
  values(kind: LearnedRule['kind'], actionId: string, principal: string): readonly string[] {
    const rules = this.#byAction.get(`${kind} ${actionId}`) ?? []
    return rules
      .filter((rule) => rule.principal === '*' || rule.principal === principal)
      .map((rule) => rule.value)
  }

  /** By action, oldest first within one. */
  list(kind: LearnedRule['kind'], actionId: string | null): readonly StoredRule[] {
    return this.#rules.filter(
      (rule) => rule.kind === kind && (actionId === null || rule.actionId === actionId),
    )
  }
}
