import type { ToWorker } from './messages.js'

type StartMessage = Extract<ToWorker, { readonly kind: 'start' }>

/**
 * What a worker still has to do, in the order in which it does it: calls that were dropped cost
 * nothing, a call that has begun goes on before another one begins. So a queue of modules that
 * compute until their fuel is gone does not hold up the calls whose upstream has answered.
 */
export class Inbox {
  readonly #drops: ToWorker[] = []
  readonly #continuations: ToWorker[] = []
  readonly #starts = new Map<number, StartMessage>()

  take(batch: readonly ToWorker[]): void {
    for (const message of batch) {
      if (message.kind === 'start') {
        this.#starts.set(message.call, message)
      } else if (message.kind === 'drop') {
        this.#starts.delete(message.call)
        this.#drops.push(message)
      } else {
        this.#continuations.push(message)
      }
    }
  }

  next(): ToWorker | undefined {
    return this.#drops.shift() ?? this.#continuations.shift() ?? this.#nextStart()
  }

  #nextStart(): ToWorker | undefined {
    const first = this.#starts.values().next().value
    if (first !== undefined) this.#starts.delete(first.call)
    return first
  }
}
