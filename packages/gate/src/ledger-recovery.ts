import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { LedgerFault } from './ledger/faults.js'
import type { Ledger } from './ledger/port.js'
import type { SqliteLedgerHandle } from './ledger/sqlite/open-ledger.js'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/**
 * A ledger that is opened anew after a failed commit: the old writer is never used again
 * (notes/evidence 3). Until the new one is open every write is refused, so every call is denied.
 */
export class RecoveringLedger implements Ledger {
  readonly origin: string
  readonly #open: () => Promise<SqliteLedgerHandle>
  readonly #log: Logger
  #current: SqliteLedgerHandle
  #recovery: Promise<void> | null = null
  #closed = false

  constructor(first: SqliteLedgerHandle, open: () => Promise<SqliteLedgerHandle>, log: Logger) {
    this.origin = first.origin
    this.#current = first
    this.#open = open
    this.#log = log
  }

  /** Verifier key of the log. */
  get vkey(): string {
    return this.#current.vkey
  }

  record(entry: Parameters<Ledger['record']>[0]): ReturnType<Ledger['record']> {
    return this.#write((ledger) => ledger.record(entry))
  }

  recordAct(entry: Parameters<Ledger['recordAct']>[0]): ReturnType<Ledger['recordAct']> {
    return this.#write((ledger) => ledger.recordAct(entry))
  }

  issueLease(entry: Parameters<Ledger['issueLease']>[0]): ReturnType<Ledger['issueLease']> {
    return this.#write((ledger) => ledger.issueLease(entry))
  }

  intend(entry: Parameters<Ledger['intend']>[0]): ReturnType<Ledger['intend']> {
    return this.#write((ledger) => ledger.intend(entry))
  }

  seal(entry: Parameters<Ledger['seal']>[0]): ReturnType<Ledger['seal']> {
    return this.#write((ledger) => ledger.seal(entry))
  }

  hold(entry: Parameters<Ledger['hold']>[0]): ReturnType<Ledger['hold']> {
    return this.#write((ledger) => ledger.hold(entry))
  }

  decide(entry: Parameters<Ledger['decide']>[0]): ReturnType<Ledger['decide']> {
    return this.#write((ledger) => ledger.decide(entry))
  }

  revoke(entry: Parameters<Ledger['revoke']>[0]): ReturnType<Ledger['revoke']> {
    return this.#write((ledger) => ledger.revoke(entry))
  }

  learn(entry: Parameters<Ledger['learn']>[0]): ReturnType<Ledger['learn']> {
    return this.#write((ledger) => ledger.learn(entry))
  }

  approval(...given: Parameters<Ledger['approval']>): ReturnType<Ledger['approval']> {
    return this.#current.approval(...given)
  }

  approvals(...given: Parameters<Ledger['approvals']>): ReturnType<Ledger['approvals']> {
    return this.#current.approvals(...given)
  }

  heldPlan(...given: Parameters<Ledger['heldPlan']>): ReturnType<Ledger['heldPlan']> {
    return this.#current.heldPlan(...given)
  }

  pendingApprovals(): ReturnType<Ledger['pendingApprovals']> {
    return this.#current.pendingApprovals()
  }

  revocations(): ReturnType<Ledger['revocations']> {
    return this.#current.revocations()
  }

  learnedRules(): ReturnType<Ledger['learnedRules']> {
    return this.#current.learnedRules()
  }

  callsRemaining(sessionId: string): ReturnType<Ledger['callsRemaining']> {
    return this.#current.callsRemaining(sessionId)
  }

  receipt(receiptId: string): ReturnType<Ledger['receipt']> {
    return this.#current.receipt(receiptId)
  }

  payload(...given: Parameters<Ledger['payload']>): ReturnType<Ledger['payload']> {
    return this.#current.payload(...given)
  }

  keys(): ReturnType<Ledger['keys']> {
    return this.#current.keys()
  }

  openIntents(): ReturnType<Ledger['openIntents']> {
    return this.#current.openIntents()
  }

  checkpoint(): string {
    return this.#current.checkpoint()
  }

  inclusionProof(
    ...given: Parameters<Ledger['inclusionProof']>
  ): ReturnType<Ledger['inclusionProof']> {
    return this.#current.inclusionProof(...given)
  }

  consistencyProof(
    ...given: Parameters<Ledger['consistencyProof']>
  ): ReturnType<Ledger['consistencyProof']> {
    return this.#current.consistencyProof(...given)
  }

  leaf(index: number): ReturnType<Ledger['leaf']> {
    return this.#current.leaf(index)
  }

  walk(step: Parameters<Ledger['walk']>[0]): ReturnType<Ledger['walk']> {
    return this.#current.walk(step)
  }

  async healthy(): Promise<boolean> {
    const current = this.#current
    // A pass of the sweeper that failed has no caller who would notice.
    if (current.state === 'failed') this.#recover(current, 'noticed by a look at its health')
    return current.state === 'open' && (await current.healthy())
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#recovery
    await this.#current.close()
  }

  async #write<T>(write: (ledger: SqliteLedgerHandle) => Promise<T>): Promise<T> {
    const ledger = this.#current
    try {
      return await write(ledger)
    } catch (error) {
      if (ledger.state === 'failed') this.#recover(ledger, error)
      throw error
    }
  }

  #recover(failed: SqliteLedgerHandle, cause: unknown): void {
    if (this.#recovery !== null || this.#closed || failed !== this.#current) return
    this.#log.error({ err: cause }, 'a commit failed: the ledger is closed and opened anew')
    const batch = cause instanceof LedgerFault ? cause.batch : null
    this.#recovery = this.#reopen(failed, batch).finally(() => {
      this.#recovery = null
    })
  }

  async #reopen(failed: SqliteLedgerHandle, batch: string | null): Promise<void> {
    await failed.close()
    for (let pause = FIRST_PAUSE_MS; !this.#closed; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        this.#current = await this.#open()
        // What became of the waiters' records: they were told that nobody knew.
        const isOnDisk = batch !== null && batch === this.#current.lastBatch
        this.#log.info({ batch, is_on_disk: isOnDisk }, 'the ledger is open again')
        return
      } catch (error) {
        this.#log.error({ err: error }, 'the ledger cannot be opened; calls are refused')
      }
      await sleep(pause, undefined, { ref: false })
    }
  }
}

/** True when trying the same entry again cannot help; a closed ledger is not opened again. */
export function isPermanent(error: unknown): boolean {
  if (!(error instanceof LedgerFault)) return false
  return ['invalid_entry', 'intent_not_found', 'already_sealed', 'closed'].includes(error.code)
}
