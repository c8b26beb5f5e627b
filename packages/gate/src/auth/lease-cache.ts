import type { LeaseClaims } from '@latchgate/protocol'
import type { LeaseCache } from '../services.js'

/** Least recently used claims go first. Holds verified claims only, by the digest of the token. */
export class LruLeaseCache implements LeaseCache {
  readonly #entries = new Map<string, LeaseClaims>()
  readonly #capacity: number

  constructor(capacity = 10_000) {
    this.#capacity = capacity
  }

  get(tokenDigest: string): LeaseClaims | undefined {
    const claims = this.#entries.get(tokenDigest)
    if (claims === undefined) return undefined
    this.#entries.delete(tokenDigest)
    this.#entries.set(tokenDigest, claims)
    return claims
  }

  set(tokenDigest: string, claims: LeaseClaims): void {
    this.#entries.delete(tokenDigest)
    this.#entries.set(tokenDigest, claims)
    if (this.#entries.size <= this.#capacity) return
    const oldest = this.#entries.keys().next()
    if (oldest.done !== true) this.#entries.delete(oldest.value)
  }
}
