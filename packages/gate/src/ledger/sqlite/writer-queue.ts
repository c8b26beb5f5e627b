import type { Worker } from 'node:worker_threads'
import { LedgerFault } from '../faults.js'
import type { Command, FromWriter, Outcome, Swept, ToWriter } from './commands.js'
import type { LedgerLog } from './ledger-handle.js'
import { decodeOutcomes } from './outcome-codec.js'

/** A commit that takes longer than this makes the ledger unhealthy. */
const STUCK_AFTER_MS = 5000
/** Commands of one turn after which the writer is given what there is. */
const FLUSH_AT = 16

/** What the queue works with. */
export interface WriterQueueParts {
  readonly worker: Worker
  readonly log: LedgerLog
  /** The bytes of the commands encoded since the last call. */
  readonly takeArena: () => Uint8Array<ArrayBuffer>
  /** Checkpoint that the writer found or made, and the size that it covers. */
  readonly note: string
  readonly size: number
  /** The writer will commit nothing any more. */
  readonly onStopped: () => void
  /** The writer thread has ended; called last. */
  readonly onExit: () => void
}

interface Waiter {
  readonly settle: (outcome: Outcome, size: number) => void
  readonly reject: (fault: LedgerFault) => void
}

/**
 * The gate's end of the writer thread: hands commands over once per turn of the event loop, settles
 * their promises in the order of the commands, and holds the checkpoint of the last commit. After a
 * commit that failed nothing is settled but with `commit_failed`: whether it is on the disk is not known.
 */
export class WriterQueue {
  readonly #parts: WriterQueueParts
  readonly #sweeps = new Map<number, (swept: Swept | LedgerFault) => void>()
  readonly #closed: Promise<void>
  #resolveClosed: () => void = () => undefined
  #state: 'open' | 'closing' | 'closed' | 'failed' = 'open'
  #commands: Command[] = []
  #waiters: Waiter[] = []
  #posted: Waiter[] = []
  #postedAt = 0
  #note: string
  #size: number
  #nextSweep = 0

  constructor(parts: WriterQueueParts) {
    this.#parts = parts
    this.#note = parts.note
    this.#size = parts.size
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    parts.worker.on('message', (message: FromWriter) => this.#receive(message))
    parts.worker.on('error', (error) => this.#fail(String(error), null))
    parts.worker.on('exit', () => this.#exited())
  }

  get state(): 'open' | 'closed' | 'failed' {
    return this.#state === 'closing' ? 'closed' : this.#state
  }

  /** The latest signed checkpoint, and the size of the tree that it covers. */
  get note(): string {
    return this.#note
  }

  get size(): number {
    return this.#size
  }

  get isStuck(): boolean {
    return this.#posted.length > 0 && performance.now() - this.#postedAt > STUCK_AFTER_MS
  }

  /** A pass of the sweeper is on its way. */
  get isSweeping(): boolean {
    return this.#sweeps.size > 0
  }

  /** Throws LedgerFault `closed` or `commit_failed` unless the writer takes commands. */
  assertOpen(): void {
    if (this.#state === 'open') return
    throw this.#state === 'failed'
      ? new LedgerFault('commit_failed', 'a commit failed earlier: the ledger must be opened anew')
      : new LedgerFault('closed', 'the ledger is closed')
  }

  /** Queues a command; resolves once it is durable. Throws what `encode` and `assertOpen` throw. */
  append<T>(encode: () => Command, map: (outcome: Outcome, size: number) => T): Promise<T> {
    this.assertOpen()
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

  /** One pass of the sweeper, at `now` in Unix milliseconds. */
  sweep(now: number): Promise<Swept> {
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

  /** Commits what is queued and ends the writer. */
  close(): Promise<void> {
    if (this.#state === 'open') {
      this.#flush()
      this.#state = 'closing'
      this.#parts.onStopped()
      this.#post({ kind: 'close' })
    }
    return this.#closed
  }

  // Once a turn: everything that one turn of the event loop wants to record is one message.
  #flush(): void {
    if (this.#commands.length === 0 || this.#state !== 'open') return
    const arena = this.#parts.takeArena()
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
    this.#parts.onStopped()
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
    this.#parts.onExit()
    this.#resolveClosed()
  }
}
