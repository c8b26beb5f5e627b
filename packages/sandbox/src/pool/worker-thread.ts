import { Worker } from 'node:worker_threads'
import type { HostHttpResponse, HostReply, SandboxTask } from '../types.js'
import { SandboxBusy } from '../types.js'
import type { FromWorker, ToWorker, WorkerSettings } from '../worker/messages.js'
import { type CallWorker, LiveCall } from './live-call.js'
import type { PoolTuning } from './tuning.js'

/** Until another attempt after a thread that ended before it was ready. */
const RESPAWN_MS = 1_000

/** What the pool passes for one worker. */
export interface WorkerThreadOptions {
  readonly settings: WorkerSettings
  readonly tuning: Pick<PoolTuning, 'graceMs' | 'program'>
  /** The modules that a new thread has to know. */
  modules(): Iterable<ToWorker>
}

/**
 * A worker thread and the calls in it. When the thread is lost (it ends by itself, or does not
 * answer), all calls in it fail as `worker_lost` and another thread takes its place.
 */
export class WorkerThread implements CallWorker {
  readonly #options: WorkerThreadOptions
  readonly #calls = new Map<number, LiveCall>()
  readonly #watchdogs = new Map<number, NodeJS.Timeout>()
  /** Null between a thread that did not start and the next attempt. */
  #worker: Worker | null
  #outbox: ToWorker[] = []
  #transfers: ArrayBuffer[] = []
  #flushing = false
  #closed = false
  #isReady = false
  #wasReady = false
  #broken: Error | null = null
  #settleReady: (error?: Error) => void = () => undefined
  /** Rejects when the thread cannot be started at all. */
  readonly ready: Promise<void>

  constructor(options: WorkerThreadOptions) {
    this.#options = options
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = (error) => (error === undefined ? resolve() : reject(error))
    })
    this.#worker = this.#spawn()
  }

  /** Calls whose instance the worker may still hold. */
  get live(): number {
    return this.#calls.size
  }

  /** Whether there is a thread at all; without one `start` throws `SandboxBusy`. */
  get isStarted(): boolean {
    return this.#worker !== null
  }

  start(id: number, task: SandboxTask, memoryPages: number): LiveCall {
    if (this.#broken !== null) throw this.#broken
    if (this.#worker === null) throw new SandboxBusy('the sandbox worker is being replaced')
    const call = new LiveCall(id, task, this)
    this.#calls.set(id, call)
    const { fuel, timeoutMs, maxIoCalls, maxOutputBytes } = task.limits
    const limits = { fuel, memoryPages, timeoutMs, maxIoCalls, maxOutputBytes }
    this.post({ kind: 'start', call: id, digest: task.module, input: task.input, limits })
    return call
  }

  reply(call: LiveCall, reply: HostReply<HostHttpResponse>): void {
    if (!reply.ok) {
      this.post({ kind: 'reply', call: call.id, reply })
      return
    }
    // A copy of its own: the host keeps its bytes, and a view would take its whole buffer along.
    const body = new Uint8Array(reply.value.body)
    this.post({
      kind: 'reply',
      call: call.id,
      reply: { ok: true, value: { ...reply.value, body } },
    })
    this.#transfers.push(body.buffer)
  }

  drop(call: LiveCall): void {
    if (!this.#calls.has(call.id)) return
    this.post({ kind: 'drop', call: call.id })
    this.#watch(call.id)
  }

  // A worker reads its mail between two computations, however many wait: one that does not hangs.
  #watch(call: number): void {
    const { graceMs } = this.#options.tuning
    const check = (): void => {
      if (this.#watchdogs.has(call)) this.#replace(`no answer for ${graceMs} ms`)
    }
    // When this thread was held up, the timer comes before the messages that have waited with it.
    this.#watchdogs.set(call, setTimeout(() => setImmediate(check), graceMs).unref())
  }

  /** Sends a message with the others of this turn of the event loop. */
  post(message: ToWorker): void {
    this.#outbox.push(message)
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => this.#flush())
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const call of this.#calls.values()) call.fail('cancelled', 'the sandbox is closing')
    this.#forgetAll()
    await this.#worker?.terminate()
  }

  #flush(): void {
    this.#flushing = false
    const batch = this.#outbox
    const transfers = this.#transfers
    this.#outbox = []
    this.#transfers = []
    if (!this.#closed) this.#worker?.postMessage(batch, transfers)
  }

  #spawn(): Worker {
    this.#isReady = false
    const worker = new Worker(this.#options.tuning.program, {
      workerData: this.#options.settings,
      env: {},
      execArgv: [],
      name: 'latchgate-sandbox',
      resourceLimits: { stackSizeMb: 4, maxOldGenerationSizeMb: 1024 },
    })
    worker.unref()
    worker.on('message', (batch: readonly FromWorker[]) => {
      if (worker !== this.#worker) return
      for (const message of batch) this.#receive(message)
    })
    const lost = (reason: string): void => {
      if (worker === this.#worker) this.#replace(reason)
    }
    worker.on('error', (error) => lost(String(error)))
    worker.on('exit', (code) => lost(`exit code ${code}`))
    worker.postMessage([...this.#options.modules()])
    return worker
  }

  #replace(reason: string): void {
    if (this.#closed) return
    const lost = this.#worker
    const calls = [...this.#calls.values()]
    this.#forgetAll()
    this.#outbox = []
    this.#transfers = []
    void lost?.terminate()
    this.#worker = null
    if (this.#isReady) this.#respawn()
    else if (this.#wasReady) setTimeout(() => this.#respawn(), RESPAWN_MS).unref()
    else this.#giveUp(reason)
    for (const call of calls) call.fail('worker_lost', `the sandbox worker was lost: ${reason}`)
  }

  // The machine may have no thread to give just now; until it has, calls are refused as busy.
  #respawn(): void {
    if (this.#closed) return
    try {
      this.#worker = this.#spawn()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      setTimeout(() => this.#respawn(), RESPAWN_MS).unref()
    }
  }

  // The first thread: one that ends before it was ready would do so again.
  #giveUp(reason: string): void {
    this.#broken = new Error(`the sandbox worker does not start: ${reason}`)
    this.#settleReady(this.#broken)
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'ready') {
      this.#isReady = true
      this.#wasReady = true
      return this.#settleReady()
    }
    const call = this.#calls.get(message.call)
    if (call === undefined) return
    switch (message.kind) {
      case 'request':
        return call.request(message.request, message.used)
      case 'log':
        return call.log(message.level, message.message)
      case 'end':
        this.#forget(message.call)
        return call.end(message.end, message.used)
      case 'busy':
        this.#forget(message.call)
        return call.fault(new SandboxBusy(message.message))
      case 'fault':
        this.#forget(message.call)
        return call.fault(new Error(`the sandbox worker failed: ${String(message.error)}`))
      case 'gone':
        this.#forget(message.call)
    }
  }

  #forget(call: number): void {
    this.#calls.delete(call)
    clearTimeout(this.#watchdogs.get(call))
    this.#watchdogs.delete(call)
  }

  #forgetAll(): void {
    for (const id of [...this.#calls.keys()]) this.#forget(id)
  }
}
