interface Bucket {
  tokens: number
  updatedMs: number
  rate: number
}

/**
 * Token buckets: capacity and refill are the rate, starting full (spec/pipeline 7.1), with
 * millisecond time. A bucket that has refilled holds no information and is dropped.
 */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>()
  #sweepAt = 0

  take(name: string, rate: number, nowMs: number): boolean {
    this.#sweep(nowMs)
    const bucket = this.#buckets.get(name) ?? { tokens: rate, updatedMs: nowMs, rate }
    const elapsed = Math.max(0, nowMs - bucket.updatedMs)
    const tokens = Math.min(rate, bucket.tokens + (elapsed * rate) / 1000)
    const granted = tokens >= 1
    this.#buckets.set(name, { tokens: granted ? tokens - 1 : tokens, updatedMs: nowMs, rate })
    return granted
  }

  giveBack(name: string): void {
    const bucket = this.#buckets.get(name)
    if (bucket !== undefined) bucket.tokens = Math.min(bucket.rate, bucket.tokens + 1)
  }

  get size(): number {
    return this.#buckets.size
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#sweepAt) return
    this.#sweepAt = nowMs + 10_000
    for (const [name, bucket] of this.#buckets) {
      if (nowMs - bucket.updatedMs > 2000) this.#buckets.delete(name)
    }
  }
}
