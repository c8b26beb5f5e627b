import { type LatchGateClient, LatchGateTransportError } from 'latchgate'
import { readActions } from './action-source.js'
import { type ActionTool, actionTool } from './action-tool.js'
import { GateAway, GateHealth } from './gate-health.js'
import type { Log } from './stderr-log.js'

/** A list that is younger is not asked for again. */
const FRESH_MS = 2_000

/**
 * The tools of this agent, as the gate last listed them. Whoever asks at the same time shares one
 * request; subscribers hear of every difference, not only of names. The list needs a lease, so that
 * a gate that gives it is one that calls can be made at: it is also what a gate that was away is tried
 * with.
 */
export class ToolCatalogue {
  readonly #client: LatchGateClient
  readonly #base: string
  readonly #log: Log
  readonly #health: GateHealth
  readonly #subscribers = new Set<() => void>()
  #tools: readonly ActionTool[] | null = null
  #readAt = 0
  #hasFailed = false
  #pollMs: number | null = null
  #timer: NodeJS.Timeout | undefined
  #pending: Promise<readonly ActionTool[]> | null = null

  /** `base`: where the gate is reached, which need not be the base that proofs name. */
  constructor(
    client: LatchGateClient,
    base: string,
    log: Log,
    health: GateHealth = new GateHealth(),
  ) {
    this.#client = client
    this.#base = base
    this.#log = log
    this.#health = health
  }

  /** What is known without asking; null before the first list. */
  get known(): readonly ActionTool[] | null {
    return this.#tools
  }

  /** Whether the gate answered when it was last asked. */
  get isHealthy(): boolean {
    return this.#health.isHealthy
  }

  /** The tools now. Throws `LatchGateError` when the gate cannot be asked. */
  async current(): Promise<readonly ActionTool[]> {
    const isFresh = performance.now() - this.#readAt < FRESH_MS
    if (this.#tools !== null && isFresh && !this.#health.isAway) return this.#tools
    this.#pending ??= this.#read().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  /**
   * Returns when there is no reason to think that the gate is away. Throws `GateAway` while it is not
   * its time to be tried again, `LatchGateError` when trying fails.
   */
  async assertReachable(): Promise<void> {
    const { isAway, waitMs, reason } = this.#health
    if (waitMs > 0) throw new GateAway(reason, waitMs)
    if (isAway) await this.current()
  }

  /** Takes note of why a request failed. A slow action is no sign that the gate is away (W-M4). */
  noteFailure(error: unknown): void {
    if (!isNoAnswer(error) || isTimeout(error.cause)) return
    this.#away(error)
  }

  /** Calls `listener` whenever the list has become another one; the result ends that. */
  subscribe(listener: () => void): () => void {
    this.#subscribers.add(listener)
    return () => this.#subscribers.delete(listener)
  }

  /**
   * Asks now and again every `seconds`, a gate that is away when it is to be tried again; the result ends
   * that. Failures are only logged.
   */
  poll(seconds: number): () => void {
    this.#pollMs = seconds * 1000
    void this.#refresh()
    return () => {
      this.#pollMs = null
      clearTimeout(this.#timer)
    }
  }

  // Anew whenever the gate goes away: by then the next look may be an hour off.
  #planNext(): void {
    clearTimeout(this.#timer)
    if (this.#pollMs === null) return
    const pause = this.#health.isAway ? this.#health.waitMs + 1 : this.#pollMs
    this.#timer = setTimeout(() => void this.#refresh(), pause)
    this.#timer.unref()
  }

  async #refresh(): Promise<void> {
    // Once is enough: a gate that stays away must not fill the log of its client.
    const level = this.#health.isAway ? 'debug' : 'warn'
    try {
      await this.current()
    } catch (error) {
      // At the end of the session requests are cut off: nothing is wrong then.
      if (this.#pollMs === null) return
      this.#log(level, `cannot list the actions of the gate: ${String(error)}`)
    } finally {
      this.#planNext()
    }
  }

  async #read(): Promise<readonly ActionTool[]> {
    const tools = (await this.#ask()).map(actionTool)
    const before = this.#tools
    // A client that was told that there is no list has to hear that there is one.
    const isNews =
      before === null ? this.#hasFailed : JSON.stringify(before) !== JSON.stringify(tools)
    this.#tools = tools
    this.#readAt = performance.now()
    this.#hasFailed = false
    if (isNews) for (const listener of this.#subscribers) listener()
    return tools
  }

  async #ask(): ReturnType<typeof readActions> {
    try {
      const actions = await readActions(this.#client, this.#base)
      this.#health.answered()
      return actions
    } catch (error) {
      this.#hasFailed = true
      // No action runs here: a list that does not come in time is a gate that does not work.
      if (isNoAnswer(error)) this.#away(error)
      throw error
    }
  }

  #away({ detail }: LatchGateTransportError): void {
    this.#health.failed(detail)
    this.#planNext()
  }
}

function isNoAnswer(error: unknown): error is LatchGateTransportError {
  return error instanceof LatchGateTransportError && error.status === null
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'TimeoutError'
}
