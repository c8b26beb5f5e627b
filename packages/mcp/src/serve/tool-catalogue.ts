import type { LatchGateClient } from 'latchgate'
import { readActions } from './action-source.js'
import { type ActionTool, actionTool } from './action-tool.js'
import { isOwnTool } from './own-tools.js'
import type { Log } from './stderr-log.js'

/** A list that is younger is not asked for again. */
const FRESH_MS = 2_000

/**
 * The tools of this agent, as the gate last listed them. Whoever asks at the same time shares one
 * request; subscribers hear of every difference, not only of names.
 */
export class ToolCatalogue {
  readonly #client: LatchGateClient
  readonly #log: Log
  readonly #subscribers = new Set<() => void>()
  #tools: readonly ActionTool[] | null = null
  #readAt = 0
  #isHealthy = false
  #pending: Promise<readonly ActionTool[]> | null = null

  constructor(client: LatchGateClient, log: Log) {
    this.#client = client
    this.#log = log
  }

  /** What is known without asking; null before the first list. */
  get known(): readonly ActionTool[] | null {
    return this.#tools
  }

  /** Whether the gate answered when it was last asked. */
  get isHealthy(): boolean {
    return this.#isHealthy
  }

  /** The tools now. Throws `LatchGateError` when the gate cannot be asked. */
  async current(): Promise<readonly ActionTool[]> {
    if (this.#tools !== null && performance.now() - this.#readAt < FRESH_MS) return this.#tools
    this.#pending ??= this.#read().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  /** Calls `listener` whenever the list has become another one; the result ends that. */
  subscribe(listener: () => void): () => void {
    this.#subscribers.add(listener)
    return () => this.#subscribers.delete(listener)
  }

  /** Asks again every `seconds`; the result ends that. A gate that is away is only logged. */
  poll(seconds: number): () => void {
    const timer = setInterval(() => this.refresh(), seconds * 1000)
    timer.unref()
    return () => clearInterval(timer)
  }

  /** Asks in the background. */
  refresh(): void {
    this.current().catch((error: unknown) => {
      this.#log('warn', `cannot list the actions of the gate: ${String(error)}`)
    })
  }

  async #read(): Promise<readonly ActionTool[]> {
    this.#isHealthy = false
    const actions = await readActions(this.#client)
    this.#isHealthy = true
    const tools = actions.filter((action) => !isOwnTool(action.actionId)).map(actionTool)
    const before = this.#tools
    this.#tools = tools
    this.#readAt = performance.now()
    if (before !== null && JSON.stringify(before) !== JSON.stringify(tools)) {
      for (const listener of this.#subscribers) listener()
    }
    return tools
  }
}
