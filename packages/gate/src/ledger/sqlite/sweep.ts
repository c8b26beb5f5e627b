import { type Leaf, parseLeaf } from '@latchgate/evidence'
import { isoMillis, type JsonObject } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import type { Tables } from './apply-command.js'
import type { Swept } from './commands.js'
import type { Database, Statement } from './database.js'
import type { IntentRow } from './intent-table.js'
import { blob, requireRow } from './row.js'

/** Milliseconds after `dispatchNotAfter` during which a receipt may still be on its way. */
export const SWEEP_GRACE_MS = 30_000

/** Rows of a kind that one sweep touches at most: the calls that wait must not notice it. */
export const SWEEP_LIMIT = 500

/** Why nobody can know the outcome. */
type UnknownReason = 'gate_restarted' | 'no_outcome_in_time'

/** Writes `unknown` records, erases payloads and forgets proofs whose time is over. */
export class Sweeper {
  readonly #tables: Tables
  readonly #leaf: Statement
  readonly #origin: string
  readonly #gateId: string

  constructor(
    db: Database,
    tables: Tables,
    log: { readonly origin: string; readonly gateId: string },
  ) {
    this.#tables = tables
    this.#leaf = db.prepare('SELECT bytes FROM leaves WHERE leaf = ?')
    this.#origin = log.origin
    this.#gateId = log.gateId
  }

  /** One pass, inside the caller's transaction. */
  sweep(now: number): Swept {
    const overdue = this.#tables.intents.overdue(now - SWEEP_GRACE_MS, SWEEP_LIMIT)
    for (const intent of overdue) this.#markUnknown(intent, 'no_outcome_in_time', now)
    return {
      unknown: overdue.length,
      payloadsErased: this.#tables.payloads.erase(now, SWEEP_LIMIT),
      proofsForgotten: this.#tables.proofs.forget(now, SWEEP_LIMIT),
    }
  }

  /**
   * At start: every open intent is of a gate that is gone, because the ledger's lock was free; but
   * for those of this very run, which has opened the ledger anew after a failed commit and may still
   * be working on them. Returns how many there were.
   */
  markOrphans(now: number): number {
    const open = this.#tables.intents.overdue(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    const orphans = open.filter((intent) => this.#intentOf(intent).gate !== this.#gateId)
    for (const intent of orphans) this.#markUnknown(intent, 'gate_restarted', now)
    return orphans.length
  }

  #intentOf(intent: IntentRow): Leaf {
    const row = requireRow(this.#leaf.get(intent.leaf), `the leaf of intent ${intent.grantId}`)
    return parseLeaf(blob(row, 'bytes'))
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
    const leaf: Leaf = {
      v: 1,
      type: 'unknown',
      log: this.#origin,
      id: uuidv7(now),
      time: isoMillis(now),
      gate: this.#gateId,
      body: unknown,
    }
    this.#tables.intents.markUnknown(intent.grantId, this.#tables.log.appendLeaf(leaf))
  }
}
