import type { Worker } from 'node:worker_threads'
import type { Result } from '@latchgate/protocol'
import type {
  ActEntry,
  Appended,
  ApprovalQuery,
  DecideEntry,
  HeldPlan,
  HoldEntry,
  IntendEntry,
  Intended,
  IntendRefusal,
  LeafStep,
  LeafWalk,
  LearnEntry,
  LeaseEntry,
  Ledger,
  LogKeyRecord,
  OpenIntent,
  PayloadDraft,
  ProofUse,
  RecordEntry,
  Revocation,
  RevokeEntry,
  SealEntry,
  StoredApproval,
  StoredReceipt,
  StoredRule,
} from '../port.js'
import type { Ready, Swept } from './commands.js'
import { CommandEncoder } from './entry-commands.js'
import type { LogIdentity } from './leaf-writer.js'
import type { LedgerLog, SqliteLedgerHandle } from './ledger-handle.js'
import type { LedgerReader } from './ledger-reader.js'
import {
  appended,
  decided,
  held,
  intended,
  learned,
  leased,
  proven,
  revoked,
  sealed,
} from './outcome-results.js'
import { RecordClock } from './record-clock.js'
import { SWEEP_LIMIT } from './sweep.js'
import { WriterQueue } from './writer-queue.js'

/** What the main thread's side of the ledger works with. */
export interface SqliteLedgerParts {
  readonly worker: Worker
  readonly reader: LedgerReader
  readonly identity: LogIdentity
  readonly vkey: string
  readonly ready: Ready
  readonly now: () => number
  readonly log: LedgerLog
  readonly sweepEveryMs: number
  /** Releases the lock; called last. */
  readonly release: () => void
}

/**
 * The port on the gate's thread: writes are encoded and queued for the writer thread, reads come from
 * a connection of this thread.
 */
export class SqliteLedger implements SqliteLedgerHandle {
  readonly #parts: SqliteLedgerParts
  readonly #encoder: CommandEncoder
  readonly #clock: RecordClock
  readonly #queue: WriterQueue
  readonly #sweepTimer: NodeJS.Timeout

  constructor(parts: SqliteLedgerParts) {
    const { worker, log, ready } = parts
    this.#parts = parts
    this.#encoder = new CommandEncoder(parts.identity)
    this.#clock = new RecordClock(parts.now, ready.highestTime)
    this.#queue = new WriterQueue({
      worker,
      log,
      takeArena: () => this.#encoder.takeArena(),
      note: ready.note,
      size: ready.size,
      onStopped: () => clearInterval(this.#sweepTimer),
      onExit: () => {
        parts.reader.close()
        parts.release()
      },
    })
    this.#sweepTimer = setInterval(() => this.#sweepQuietly(), parts.sweepEveryMs)
    this.#sweepTimer.unref()
  }

  get origin(): string {
    return this.#parts.identity.origin
  }

  get state(): 'open' | 'closed' | 'failed' {
    return this.#queue.state
  }

  get lastBatch(): string {
    return this.#parts.ready.lastBatch
  }

  get size(): number {
    return this.#queue.size
  }

  get vkey(): string {
    return this.#parts.vkey
  }

  async record(entry: RecordEntry): Promise<Appended> {
    return this.#queue.append(() => this.#encoder.record(entry, this.#clock.time()), appended)
  }

  async recordAct(
    entry: ActEntry,
  ): Promise<Result<Appended, { readonly code: 'replay_detected' }>> {
    return this.#queue.append(() => this.#encoder.record(entry, this.#clock.time()), proven)
  }

  async issueLease(entry: LeaseEntry): ReturnType<Ledger['issueLease']> {
    return this.#queue.append(() => this.#encoder.lease(entry, this.#clock.time()), leased)
  }

  async intend(entry: IntendEntry): Promise<Result<Intended, IntendRefusal>> {
    return this.#queue.append(() => this.#encoder.intend(entry, this.#clock.time()), intended)
  }

  async seal(entry: SealEntry): Promise<Appended> {
    // An effect has happened, and is recorded whatever the clock says.
    return this.#queue.append(() => this.#encoder.seal(entry, this.#clock.timeAnyway()), sealed)
  }

  async hold(entry: HoldEntry): ReturnType<Ledger['hold']> {
    return this.#queue.append(() => this.#encoder.hold(entry, this.#clock.time()), held)
  }

  async decide(entry: DecideEntry): ReturnType<Ledger['decide']> {
    return this.#queue.append(() => this.#encoder.decide(entry, this.#clock.time()), decided)
  }

  async revoke(entry: RevokeEntry): ReturnType<Ledger['revoke']> {
    // What stops an agent is recorded whatever the clock says.
    return this.#queue.append(() => this.#encoder.revoke(entry, this.#clock.timeAnyway()), revoked)
  }

  async learn(entry: LearnEntry & { readonly proof: ProofUse }): ReturnType<Ledger['learn']> {
    return this.#queue.append(() => this.#encoder.learn(entry, this.#clock.time()), learned)
  }

  async callsRemaining(sessionId: string): Promise<number | null | undefined> {
    return this.#reader().callsRemaining(sessionId)
  }

  async receipt(receiptId: string): Promise<StoredReceipt | undefined> {
    return this.#reader().receipt(receiptId)
  }

  async payload(traceId: string, kind: PayloadDraft['kind']): Promise<Uint8Array | undefined> {
    return this.#reader().payload(traceId, kind)
  }

  async approval(approvalId: string): Promise<StoredApproval | undefined> {
    return this.#reader().approvals.find(approvalId)
  }

  async approvals(query: ApprovalQuery): Promise<readonly StoredApproval[]> {
    return this.#reader().approvals.list(query, this.#parts.now())
  }

  async pendingApprovals(): Promise<number> {
    return this.#reader().approvals.countPending(this.#parts.now())
  }

  async heldPlan(approvalId: string): Promise<HeldPlan | undefined> {
    return this.#reader().approvals.plan(approvalId)
  }

  async revocations(): Promise<readonly Revocation[]> {
    return this.#reader().revocations()
  }

  async learnedRules(): Promise<readonly StoredRule[]> {
    return this.#reader().learnedRules()
  }

  async keys(): Promise<readonly LogKeyRecord[]> {
    return this.#reader().keys()
  }

  async openIntents(): Promise<readonly OpenIntent[]> {
    return this.#reader().openIntents()
  }

  checkpoint(): string {
    return this.#queue.note
  }

  async inclusionProof(index: number, size: number): Promise<readonly Uint8Array[]> {
    return this.#reader().inclusionProof(index, this.#published(size))
  }

  async consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]> {
    return this.#reader().consistencyProof(from, this.#published(to))
  }

  async leaf(index: number): Promise<Uint8Array | undefined> {
    return this.#reader().leaf(index)
  }

  async walk(step: LeafWalk): Promise<LeafStep> {
    return this.#reader().walk(step)
  }

  async healthy(): Promise<boolean> {
    return this.#queue.state === 'open' && !this.#queue.isStuck
  }

  async sweep(): Promise<Swept> {
    this.#queue.assertOpen()
    // Before anything waits for it: a clock that went back must not stop the sweeper for good.
    return this.#queue.sweep(this.#clock.time())
  }

  async close(): Promise<void> {
    return this.#queue.close()
  }

  #sweepQuietly(): void {
    const { state, isSweeping } = this.#queue
    if (state !== 'open' || isSweeping || this.#clock.isBehind) return
    this.sweep().then(
      (swept) => {
        if (swept.unknown > 0) {
          this.#parts.log.warn({ ...swept }, 'calls without an outcome are now listed as unknown')
        }
        // A busy hour leaves more behind than one pass takes: tables would grow for ever. The next
        // pass queues behind the calls that wait.
        if (Object.values(swept).some((count: number) => count >= SWEEP_LIMIT)) this.#sweepQuietly()
      },
      (error: unknown) => this.#parts.log.error({ err: error }, 'the sweeper could not finish'),
    )
  }

  #reader(): LedgerReader {
    this.#queue.assertOpen()
    return this.#parts.reader
  }

  #published(size: number): number {
    if (size <= this.#queue.size) return size
    throw new RangeError(`the log has ${this.#queue.size} leaves, not ${size}`)
  }
}
