import type { ReplayVerdict, State } from '../port.js'
import { ReplayMemory } from './replay-memory.js'
import { TokenBuckets } from './token-buckets.js'

/** The embedded `State`: memory of this process. */
export class MemoryState implements State {
  readonly #replay: ReplayMemory
  readonly #buckets = new TokenBuckets()
  readonly #now: () => number

  constructor(now: () => number, replay: ReplayMemory = new ReplayMemory()) {
    this.#now = now
    this.#replay = replay
  }

  async rememberProof(proof: Parameters<State['rememberProof']>[0]): Promise<ReplayVerdict> {
    return this.#replay.remember(proof, this.#now())
  }

  async take(bucket: string, rate: number): Promise<boolean> {
    return this.#buckets.take(bucket, rate, this.#now())
  }

  async giveBack(bucket: string): Promise<void> {
    this.#buckets.giveBack(bucket)
  }

  async healthy(): Promise<boolean> {
    return true
  }

  async close(): Promise<void> {
    // Nothing is held outside the process's memory.
  }
}
