import { Readings } from './readings.js'

/**
 * How much work a text may cause for each of its bytes; a step is about one byte looked at. JSON full
 * of `\u` escapes takes 3, forms and HTML about as much, plain JSON and Base64 less than 1. More than
 * ten times as much is made by somebody who wants the gate to search and not to answer.
 */
export const STEPS_PER_BYTE = 32

/** What a text may cause however short it is: one secret in escapes of escapes, searched to its end. */
export const STEPS_IN_ANY_CASE = 500_000

/**
 * What one place of a text may cause. A search is interrupted between places, so that this is also
 * the longest that it holds up the gate (a few milliseconds).
 */
export const STEPS_PER_PLACE = 250_000

/** Each finding is copied around: a text that is nothing but findings of a few bytes is no answer. */
export const STEPS_PER_FINDING = 512

/** A text takes more work to search than it may; what is in it is not known, so nobody may see it. */
export class SearchExhausted extends Error {
  override readonly name = 'SearchExhausted'

  constructor() {
    super('the response takes more work to be searched for secrets than its size allows')
  }
}

/** Counts the work of one search, and ends it. */
export class SearchWork {
  /** Of comparisons; those of `readings` are counted there. */
  steps = 0
  readonly #limit: number
  #placeLimit: number
  #readings: Readings | null = null

  constructor(bytes: number) {
    this.#limit = bytes * STEPS_PER_BYTE + STEPS_IN_ANY_CASE
    this.#placeLimit = STEPS_PER_PLACE
  }

  get done(): number {
    return this.steps + (this.#readings?.steps ?? 0)
  }

  /** For the reading of escapes; most texts have none. */
  get readings(): Readings {
    this.#readings ??= new Readings()
    return this.#readings
  }

  /** Begins a place. */
  begin(): void {
    this.#placeLimit = this.done + STEPS_PER_PLACE
  }

  /** @throws {SearchExhausted} */
  check(): void {
    if (this.done > this.#limit || this.done > this.#placeLimit) throw new SearchExhausted()
  }
}
