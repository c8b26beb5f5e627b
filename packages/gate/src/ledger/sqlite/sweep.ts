import type { Leaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Swept } from './commands.js'
import type { IntentRow } from './intent-table.js'
import type { Tables } from './tables.js'

/** Milliseconds after `dispatchNotAfter` during which a receipt may still be on its way. */
export const SWEEP_GRACE_MS = 30_000

/** Rows of a kind that one sweep touches at most: the calls that wait must not notice it. */
export const SWEEP_LIMIT = 500

/** Why nobody can know the outcome. */
type UnknownReason = 'gate_restarted' | 'no_outcome_in_time'

/** Writes `unknown` and `approval` records, erases payloads and forgets what is over. */
export class Sweeper {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** One pass, inside the caller's transaction; `latest` is the time of the latest record. */
  sweep(now: number, latest: number): Swept {
    const overdue = this.#tables.intents.overdue(now - SWEEP_GRACE_MS, SWEEP_LIMIT)
    for (const intent of overdue) this.#markUnknown(intent, 'no_outcome_in_time', now)
    const { approvals, records, quotas, identityTokens } = this.#tables
    const expired = approvals.overdue(now, SWEEP_LIMIT)
    for (const approval of expired) records.expire(approval, now)
    return {
      unknown: overdue.length,
      approvalsExpired: expired.length,
      quotaUsesForgotten: quotas.forget(latest, SWEEP_LIMIT),
      payloadsErased: this.#tables.payloads.erase(now, SWEEP_LIMIT),
      proofsForgotten: this.#tables.proofs.forget(now, SWEEP_LIMIT),
      identityTokensForgotten: identityTokens.forget(latest, SWEEP_LIMIT),
    }
  }

  /**
   * At start: every open intent is of a gate that is gone, because the ledger's lock was free; but
   * for those of this very run, which has opened the ledger anew after a failed commit and may still
   * be working on them. Returns how many there were.
   */
  markOrphans(now: number): number {
    const open = this.#tables.intents.overdue(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    const orphans = open.filter(
      (intent) => this.#intentOf(intent).gate !== this.#tables.records.gateId,
    )
    for (const intent of orphans) this.#markUnknown(intent, 'gate_restarted', now)
    return orphans.length
  }

  #intentOf(intent: IntentRow): Leaf {
    return this.#tables.records.leafAt(intent.leaf, `the leaf of intent ${intent.grantId}`)
  }

  #markUnknown(intent: IntentRow, reason: UnknownReason, now: number): void {
    const { body, time, gate } = this.#intentOf(intent)
    const unknown: JsonObject = {
      grant_id: intent.grantId,
      trace_id: body['trace_id'] ?? null,
      session_id: intent.sessionId,
      session_seq: body['session_seq'] ?? null,
      principal: body['principal'] ?? null,
      action_id: body['action_id'] ?? null,
      intent_leaf: intent.leaf,
      intent_gate: gate,
      dispatched_at: time,
      reason,
    }
    const leaf = this.#tables.records.append('unknown', unknown, now)
    this.#tables.intents.markUnknown(intent.grantId, leaf)
    // Whether it happened nobody knows; that it was approved does not change by that.
    this.#tables.approvals.settle(intent.grantId, 'failed', leaf)
  }
}
