import type { Worker } from 'node:worker_threads'
import type { Result } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'
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
import type { Command, FromWriter, Outcome, Ready, Swept, ToWriter } from './commands.js'
import { CommandEncoder, type LogIdentity } from './entry-commands.js'
import type { LedgerLog, SqliteLedgerHandle } from './ledger-handle.js'
import type { LedgerReader } from './ledger-reader.js'
import { decodeOutcomes } from './outcome-codec.js'
import {
  appended,
  decided,
  held,
  intended,
  learned,
  proven,
  revoked,
  sealed,
} from './outcome-results.js'
import { RecordClock } from './record-clock.js'
import { SWEEP_LIMIT } from './sweep.js'

/** A commit that takes longer than this makes the ledger unhealthy. */
const STUCK_AFTER_MS = 5000
/** Commands of one turn after which the writer is given what there is. */
const FLUSH_AT = 16

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

interface Waiter {
  readonly settle: (outcome: Outcome, size: number) => void
  readonly reject: (fault: LedgerFault) => void
}

/**
 * The port on the gate's thread: encodes entries, hands them to the writer thread once per turn of
 * the event loop, and settles the promises in the order of the commands.
 */
export class SqliteLedger implements SqliteLedgerHandle {
  readonly #parts: SqliteLedgerParts
  readonly #encoder: CommandEncoder
  readonly #clock: RecordClock
  readonly #sweeps = new Map<number, (swept: Swept | LedgerFault) => void>()
  readonly #closed: Promise<void>
  readonly #sweepTimer: NodeJS.Timeout
  #resolveClosed: () => void = () => undefined
  #state: 'open' | 'closing' | 'closed' | 'failed' = 'open'
  #commands: Command[] = []
  #waiters: Waiter[] = []
  #posted: Waiter[] = []
  #postedAt = 0
  #note: string
  #size: number
  #nextSweep = 0

  constructor(parts: SqliteLedgerParts) {
    this.#parts = parts
    this.#encoder = new CommandEncoder(parts.identity)
    this.#note = parts.ready.note
    this.#size = parts.ready.size
    this.#clock = new RecordClock(parts.now, parts.ready.highestTime)
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    parts.worker.on('message', (message: FromWriter) => this.#receive(message))
    parts.worker.on('error', (error) => this.#fail(String(error), null))
    parts.worker.on('exit', () => this.#exited())
    this.#sweepTimer = setInterval(() => this.#sweepQuietly(), parts.sweepEveryMs)
    this.#sweepTimer.unref()
  }

  get origin(): string {
    return this.#parts.identity.origin
  }

  get state(): 'open' | 'closed' | 'failed' {
    return this.#state === 'closing' ? 'closed' : this.#state
  }

  get lastBatch(): string {
    return this.#parts.ready.lastBatch
  }

  get size(): number {
    return this.#size
  }

  get vkey(): string {
    return this.#parts.vkey
  }

  async record(entry: RecordEntry): Promise<Appended> {
    return this.#append(() => this.#encoder.record(entry, this.#clock.time()), appended)
  }

  async recordAct(
    entry: ActEntry,
  ): Promise<Result<Appended, { readonly code: 'replay_detected' }>> {
    return this.#append(() => this.#encoder.record(entry, this.#clock.time()), proven)
  }

  async issueLease(
    entry: LeaseEntry,
  ): Promise<Result<Appended, { readonly code: 'replay_detected' }>> {
    return this.#append(() => this.#encoder.lease(entry, this.#clock.time()), proven)
  }

  async intend(entry: IntendEntry): Promise<Result<Intended, IntendRefusal>> {
    return this.#append(() => this.#encoder.intend(entry, this.#clock.time()), intended)
  }

  async seal(entry: SealEntry): Promise<Appended> {
    // An effect has happened, and is recorded whatever the clock says.
    return this.#append(() => this.#encoder.seal(entry, this.#clock.timeAnyway()), sealed)
  }

  async hold(entry: HoldEntry): ReturnType<Ledger['hold']> {
    return this.#append(() => this.#encoder.hold(entry, this.#clock.time()), held)
  }

  async decide(entry: DecideEntry): ReturnType<Ledger['decide']> {
    return this.#append(() => this.#encoder.decide(entry, this.#clock.time()), decided)
  }

  async revoke(entry: RevokeEntry): ReturnType<Ledger['revoke']> {
    // What stops an agent is recorded whatever the clock says.
    return this.#append(() => this.#encoder.revoke(entry, this.#clock.timeAnyway()), revoked)
  }

  async learn(entry: LearnEntry & { readonly proof: ProofUse }): ReturnType<Ledger['learn']> {
    return this.#append(() => this.#encoder.learn(entry, this.#clock.time()), learned)
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
    return this.#note
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
    const isStuck = this.#posted.length > 0 && performance.now() - this.#postedAt > STUCK_AFTER_MS
    return this.#state === 'open' && !isStuck
  }

  async sweep(): Promise<Swept> {
    if (this.#state !== 'open') throw this.#closedFault()
    // Before anything waits for it: a clock that went back must not stop the sweeper for good.
    const now = this.#clock.time()
    const id = this.#nextSweep
    this.#nextSweep += 1
    const result = new Promise<Swept>((resolve, reject) => {
      this.#sweeps.set(id, (swept) => {
        if (swept instanceof LedgerFault) reject(swept)
        else resolve(swept)
      })
    })
    this.#post({ kind: 'sweep', now, id })
    return result
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#flush()
      this.#state = 'closing'
      clearInterval(this.#sweepTimer)
      this.#post({ kind: 'close' })
    }
    return this.#closed
  }

  #append<T>(encode: () => Command, map: (outcome: Outcome, size: number) => T): Promise<T> {
    if (this.#state !== 'open') throw this.#closedFault()
    const command = encode()
    const queued = this.#commands.push(command)
    if (queued === 1) setImmediate(() => this.#flush())
    return new Promise<T>((resolve, reject) => {
      const settle = (outcome: Outcome, size: number): void => {
        try {
          resolve(map(outcome, size))
        } catch (fault) {
          reject(fault as Error)
        }
      }
      this.#waiters.push({ settle, reject })
      // A long turn must not keep the writer waiting for its end.
      if (queued >= FLUSH_AT) this.#flush()
    })
  }

  // Once a turn: everything that one turn of the event loop wants to record is one message.
  #flush(): void {
    if (this.#commands.length === 0 || this.#state !== 'open') return
    const arena = this.#encoder.takeArena()
    if (this.#posted.length === 0) this.#postedAt = performance.now()
    this.#posted.push(...this.#waiters)
    this.#post({ kind: 'commands', commands: this.#commands, arena }, [arena.buffer])
    this.#commands = []
    this.#waiters = []
  }

  #post(message: ToWriter, transfer: readonly ArrayBuffer[] = []): void {
    this.#parts.worker.postMessage(message, transfer)
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'committed':
        return this.#committed(message)
      case 'swept':
        this.#publish(message.note, message.size)
        this.#sweeps.get(message.id)?.(message.swept)
        this.#sweeps.delete(message.id)
        return
      case 'failed':
        return this.#fail(message.message, message.batch)
      case 'closed':
        this.#state = 'closed'
        break
      default:
    }
  }

  #committed(message: Extract<FromWriter, { kind: 'committed' }>): void {
    this.#publish(message.note, message.size)
    const outcomes = decodeOutcomes(message.outcomes)
    const settled = this.#posted.splice(0, outcomes.length)
    for (const [at, outcome] of outcomes.entries()) settled[at]?.settle(outcome, message.size)
    this.#postedAt = performance.now()
  }

  #publish(note: string, size: number): void {
    if (size <= this.#size) return
    this.#note = note
    this.#size = size
  }

  #fail(message: string, batch: string | null): void {
    if (this.#state === 'failed' || this.#state === 'closed') return
    this.#state = 'failed'
    clearInterval(this.#sweepTimer)
    this.#parts.log.error({ batch, reason: message }, 'a commit failed: the ledger has stopped')
    const fault = new LedgerFault(
      'commit_failed',
      `the commit failed, whether it is on the disk is not known: ${message}`,
      { batch },
    )
    for (const waiter of [...this.#posted, ...this.#waiters]) waiter.reject(fault)
    for (const settle of this.#sweeps.values()) settle(fault)
    this.#posted = []
    this.#waiters = []
    this.#commands = []
    this.#sweeps.clear()
    void this.#parts.worker.terminate()
  }

  #exited(): void {
    if (this.#state !== 'closed') this.#fail('the writer thread has ended', null)
    this.#parts.reader.close()
    this.#parts.release()
    this.#resolveClosed()
  }

  #sweepQuietly(): void {
    if (this.#state !== 'open' || this.#sweeps.size > 0 || this.#clock.isBehind) return
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
    if (this.#state !== 'open') throw this.#closedFault()
    return this.#parts.reader
  }

  #published(size: number): number {
    if (size <= this.#size) return size
    throw new RangeError(`the log has ${this.#size} leaves, not ${size}`)
  }

  #closedFault(): LedgerFault {
    return this.#state === 'failed'
      ? new LedgerFault('commit_failed', 'a commit failed earlier: the ledger must be opened anew')
      : new LedgerFault('closed', 'the ledger is closed')
  }
}
