/** Counts the linear memory of all live instances of a worker, in pages of 64 KiB. */
export class MemoryAccount {
  readonly #limit: number
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Takes `pages` if they are there. */
  reserve(pages: number): boolean {
    if (this.#used + pages > this.#limit) return false
    this.#used += pages
    return true
  }

  release(pages: number): void {
    this.#used -= pages
  }
}
