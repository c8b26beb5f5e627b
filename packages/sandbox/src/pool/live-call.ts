import {
  ExecutionAborted,
  type HostHttpRequest,
  type HostHttpResponse,
  type HostReply,
  type SandboxOutcome,
  type SandboxTask,
} from '../types.js'
import type { ExecutionEnd, Used } from '../worker/messages.js'

/** What a call that has ended still waits for its host I/O to notice that it was aborted. */
const ABORT_GRACE_MS = 250

/** The longest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

type SandboxOutcomeFailure = Extract<SandboxOutcome, { readonly ok: false }>['failure']

/** What a live call asks of the worker that holds it. */
export interface CallWorker {
  reply(call: LiveCall, reply: HostReply<HostHttpResponse>): void
  /** The call has ended here; the worker may still hold an instance. */
  drop(call: LiveCall): void
}

/** One `run`, from admission until its promise is settled. */
export class LiveCall {
  readonly id: number
  readonly outcome: Promise<SandboxOutcome>
  readonly #task: SandboxTask
  readonly #worker: CallWorker
  readonly #started = performance.now()
  #abort: AbortController | null = null
  readonly #timer: NodeJS.Timeout
  #resolve: (outcome: SandboxOutcome) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  #used: Used = { fuelConsumed: 0, ioCalls: 0 }
  #hostCall: Promise<void> | null = null
  #over = false

  constructor(id: number, task: SandboxTask, worker: CallWorker) {
    this.id = id
    this.#task = task
    this.#worker = worker
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { timeoutMs } = task.limits
    const expire = (): void => this.fail('wall_clock', `not done after ${timeoutMs} ms`)
    this.#timer = setTimeout(expire, Math.min(timeoutMs, MAX_TIMER_MS))
    task.signal?.addEventListener('abort', this.#cancel)
  }

  /** The module has suspended at `io-http#request`. */
  request(request: HostHttpRequest, used: Used): void {
    if (this.#over) return
    this.#used = used
    this.#hostCall = this.#answer(request)
  }

  log(level: 'debug' | 'info' | 'warn', message: string): void {
    if (this.#over) return
    try {
      this.#task.host.log(level, message)
    } catch (error) {
      this.#hostFailed(error)
    }
  }

  /** The worker is done with the call. */
  end(end: ExecutionEnd, used: Used): void {
    if (!this.#finish()) return
    this.#used = used
    this.#resolve({ ...end, ...this.#measures() })
  }

  /** Ends the call whatever its module does; what the worker says of it later is ignored. */
  fail(failure: SandboxOutcomeFailure, message: string): void {
    if (!this.#finish()) return
    this.#worker.drop(this)
    void this.#afterHostCall().then(() => {
      this.#resolve({ ok: false, failure, message, ...this.#measures() })
    })
  }

  /** A fault of the gate: `run` rejects. */
  fault(error: unknown): void {
    if (!this.#finish()) return
    this.#worker.drop(this)
    this.#reject(error)
  }

  readonly #cancel = (): void => this.fail('cancelled', 'the caller cancelled the execution')

  async #answer(request: HostHttpRequest): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    try {
      const reply = await this.#task.host.httpRequest(request, abort.signal)
      this.#abort = null
      if (!this.#over) this.#worker.reply(this, reply)
    } catch (error) {
      this.#hostFailed(error)
    }
  }

  // After the end this is the abort that we asked for: there is nobody left to tell.
  #hostFailed(error: unknown): void {
    if (this.#over) return
    if (error instanceof ExecutionAborted) this.fail(error.failure, error.message)
    else this.fault(error)
  }

  // The host records what it has sent; a receipt written before it noticed the abort would lack it.
  async #afterHostCall(): Promise<void> {
    if (this.#hostCall === null) return
    let timer: NodeJS.Timeout | undefined
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ABORT_GRACE_MS)
    })
    await Promise.race([this.#hostCall, grace])
    clearTimeout(timer)
  }

  #finish(): boolean {
    if (this.#over) return false
    this.#over = true
    clearTimeout(this.#timer)
    this.#task.signal?.removeEventListener('abort', this.#cancel)
    this.#abort?.abort()
    return true
  }

  #measures(): Used & { readonly durationMs: number } {
    return { ...this.#used, durationMs: performance.now() - this.#started }
  }
}
