import { setTimeout as sleep } from 'node:timers/promises'
import { type ActionResult, actionResult } from './action-result.js'
import { answerError, notFound } from './answer-error.js'
import { codeOf, outcomeError, pollOutcomeError } from './approval-outcome.js'
import { type ApprovalStatus, approvalStatus } from './approval-status.js'
import { LatchGateApprovalTimeout, LatchGateTransportError } from './errors.js'
import { type GateAnswer, isSuccess, successBody } from './gate-answer.js'
import { throwIfAbandoned } from './gate-channel.js'

/** How long to wait for an operator. */
export interface WaitOptions {
  /** Milliseconds, at most 2^31-1. Default 600,000: ten minutes. */
  readonly timeoutMs?: number | undefined
  /** Ends the wait. The approval stays as it is, and can be waited for again. */
  readonly signal?: AbortSignal | undefined
}

/** Sends a GET with the lease, renewed where needed, and gives up after `timeoutMs`. */
export type AskGate = (
  path: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
) => Promise<GateAnswer>

const DEFAULT_TIMEOUT_MS = 600_000
const MAX_TIMEOUT_MS = 2 ** 31 - 1
/** The longest that the gate lets one request wait (spec/http-api 11.1). */
const LONGEST_POLL_MS = 30_000
/** What an answer may take beyond the time that the gate was asked to wait. */
const ANSWER_MS = 10_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 10_000
/** Times that a 503 is asked about again where it may be the outcome itself. */
const FINAL_503_AFTER = 3

/**
 * Waits until a held call has ended and reads its result: only ever asks, and so repeats no effect.
 * Throws the errors that `LatchGateClient.waitForApproval` names.
 */
export async function waitForApproval(
  ask: AskGate,
  approvalId: string,
  options: WaitOptions,
): Promise<ActionResult> {
  const wait = new Wait(ask, approvalId, options)
  let refusals = 0
  for (;;) {
    const status = await wait.untilEnded()
    const answer = await wait.request(`/v1/approvals/${approvalId}/result`, 0)
    if (answer === null) continue
    if (isSuccess(answer)) return actionResult(answer)
    // Approved and executing: `/poll` was ahead of `/result`.
    if (codeOf(answer) === 'approval_pending') await wait.pause(answer.retryAfterSeconds)
    // A call can have been refused with a 503 after its approval; a gate that is not well says 503 too.
    else if (isPassing(answer) && (!status.isFailed || ++refusals < FINAL_503_AFTER)) {
      await wait.pause(answer.retryAfterSeconds)
    } else if (answer.status === 404 && codeOf(answer) === null) {
      throw pollOutcomeError(answer, status)
    } else throw outcomeError(answer, status)
  }
}

class Wait {
  readonly #ask: AskGate
  readonly #approvalId: string
  readonly #signal: AbortSignal | undefined
  readonly #timeoutMs: number
  readonly #deadline: number
  #actionId = '<approval>'
  #route: 'wait' | 'poll' = 'wait'
  #pauseMs = FIRST_PAUSE_MS
  #lastError: unknown

  constructor(ask: AskGate, approvalId: string, options: WaitOptions) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = options
    if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
      throw new RangeError(
        `timeoutMs must be above 0 and at most ${MAX_TIMEOUT_MS}, got ${timeoutMs}`,
      )
    }
    this.#ask = ask
    this.#approvalId = approvalId
    this.#signal = options.signal
    this.#timeoutMs = timeoutMs
    this.#deadline = performance.now() + timeoutMs
  }

  /** Asks until the approval is not pending. */
  async untilEnded(): Promise<ApprovalStatus> {
    for (;;) {
      const asked = performance.now()
      const longPoll = Math.floor(Math.min(LONGEST_POLL_MS, Math.max(0, this.#remaining() - 500)))
      const isLong = this.#route === 'wait'
      const path = `/v1/approvals/${this.#approvalId}/${this.#route}`
      const answer = await this.request(
        isLong ? `${path}?timeout_ms=${longPoll}` : path,
        isLong ? longPoll : 0,
      )
      if (answer === null) continue
      if (isLong && (answer.status === 404 || answer.status === 405)) {
        // A gate that has no long poll; when `/poll` does not know the approval either, it says so.
        this.#route = 'poll'
        continue
      }
      if (answer.status === 404) {
        throw notFound(answer, '<approval>', `approval '${this.#approvalId}' not found`)
      }
      if (isPassing(answer)) {
        // Too many of this principal wait at once: the others go on waiting, this one asks.
        if (answer.status === 429) this.#route = 'poll'
        await this.pause(answer.retryAfterSeconds)
        continue
      }
      if (!isSuccess(answer)) throw answerError(answer, this.#actionId)
      const status = approvalStatus(successBody(answer, 'approval poll'), this.#approvalId)
      if (status.actionId !== '') this.#actionId = status.actionId
      if (!status.isPending) return { ...status, actionId: this.#actionId }
      // A long poll that came back at once must not become a busy loop.
      const seconds = status.retryAfterSeconds ?? 1
      if (performance.now() - asked < seconds * 1000) await this.pause(seconds)
    }
  }

  /** One request; null when there was no answer, after a pause. */
  async request(path: string, waitsMs: number): Promise<GateAnswer | null> {
    throwIfAbandoned(this.#signal, 'the approval stays as it is')
    const remaining = this.#remaining()
    if (remaining <= 0) throw this.#timeIsUp()
    const limit = Math.max(1, Math.ceil(Math.min(waitsMs + ANSWER_MS, remaining)))
    try {
      const answer = await this.#ask(path, limit, this.#signal)
      if (!isPassing(answer)) {
        this.#pauseMs = FIRST_PAUSE_MS
        this.#lastError = undefined
      }
      return answer
    } catch (error) {
      throwIfAbandoned(this.#signal, 'the approval stays as it is')
      // Only where no answer came: an answer that cannot be read would be the same the next time.
      if (!(error instanceof LatchGateTransportError) || error.status !== null) throw error
      this.#lastError = error
      await this.pause(null)
      return null
    }
  }

  /** Waits for so long as the gate asked for, or ever longer; never beyond the time there is. */
  async pause(seconds: number | null): Promise<void> {
    const ms = seconds === null ? this.#pauseMs : seconds * 1000
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2)
    const length = Math.max(0, Math.min(ms, this.#remaining()))
    const { promise, stop } = untilAborted(this.#signal)
    const timer = new AbortController()
    try {
      await Promise.race([sleep(length, undefined, { signal: timer.signal }), promise])
    } finally {
      timer.abort()
      stop()
    }
    throwIfAbandoned(this.#signal, 'the approval stays as it is')
  }

  #remaining(): number {
    return this.#deadline - performance.now()
  }

  #timeIsUp(): LatchGateApprovalTimeout {
    const cause = this.#lastError
    return new LatchGateApprovalTimeout(
      this.#actionId,
      this.#approvalId,
      this.#timeoutMs,
      cause === undefined ? undefined : { cause },
    )
  }
}

// The gate, or what it needs, is away for a moment, or asks to be asked less often.
function isPassing(answer: GateAnswer): boolean {
  return answer.status === 503 || answer.status === 429
}

function untilAborted(signal: AbortSignal | undefined): {
  readonly promise: Promise<void>
  readonly stop: () => void
} {
  let listener: () => void = () => undefined
  const promise = new Promise<void>((resolve) => {
    listener = resolve
    signal?.addEventListener('abort', listener, { once: true })
  })
  return { promise, stop: () => signal?.removeEventListener('abort', listener) }
}
