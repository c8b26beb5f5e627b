import type { EventEmitter } from 'node:events'

/** Bytes of answers that may wait for one peer to read them. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024

/**
 * What each peer has not read yet. A call is over when its receipt is durable, so the slots do not
 * bound the answers: a client that never reads would gather them here for as long as it likes.
 */
export class UnreadAnswers {
  readonly #maxBytes: number
  readonly #byPeer = new Map<string, number>()

  constructor(maxBytes: number = MAX_UNREAD_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** False when too much waits already; otherwise counted until the response has closed. */
  take(peer: string, bytes: number, response: EventEmitter): boolean {
    const waiting = this.#byPeer.get(peer) ?? 0
    // One answer alone is never too much, or nobody could ever read it.
    if (waiting > 0 && waiting + bytes > this.#maxBytes) return false
    this.#byPeer.set(peer, waiting + bytes)
    response.once('close', () => {
      const left = (this.#byPeer.get(peer) ?? 0) - bytes
      if (left > 0) this.#byPeer.set(peer, left)
      else this.#byPeer.delete(peer)
    })
    return true
  }
}
