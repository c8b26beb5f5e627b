import type { Logger } from 'pino'
import { Fault } from '../refusal.js'
import type { State } from './port.js'

/**
 * A `State` whose failures are faults of the gate with a code that says so: whatever is asked of a
 * memory that is away is denied with 503, and never answered as a bug would be (design 3, 5).
 */
export class GuardedState implements State {
  readonly #state: State
  readonly #log: Logger

  constructor(state: State, log: Logger) {
    this.#state = state
    this.#log = log
  }

  rememberProof(proof: Parameters<State['rememberProof']>[0]): ReturnType<State['rememberProof']> {
    return this.#ask(() => this.#state.rememberProof(proof))
  }

  take(bucket: string, rate: number): Promise<boolean> {
    return this.#ask(() => this.#state.take(bucket, rate))
  }

  giveBack(bucket: string): Promise<void> {
    return this.#ask(() => this.#state.giveBack(bucket))
  }

  async healthy(): Promise<boolean> {
    try {
      return await this.#state.healthy()
    } catch (error) {
      this.#log.error({ err: error }, 'the replay memory cannot be asked how it is')
      return false
    }
  }

  close(): Promise<void> {
    return this.#state.close()
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question()
    } catch (cause) {
      throw new Fault('replay_cache_unavailable', 'the replay memory did not answer', { cause })
    }
  }
}
