import type { LocalJWKSet } from 'jose'
import type { Logger } from 'pino'
import { findKey, type IssuerKeys, type KeyLookup, type SigningHeader } from './issuer-keys.js'
import { parseJwks } from './jwks-document.js'

/** Milliseconds for which keys are used without asking again. */
export const KEYS_FRESH_MS = 600_000

/** Milliseconds for which they are still used while the issuer does not answer. */
export const KEYS_STALE_MS = 3_600_000

/** Milliseconds between two requests that tokens with unknown keys bring about. */
export const UNKNOWN_KEY_COOL_DOWN_MS = 30_000

/** Milliseconds after a request during which none is made for want of keys. */
export const RETRY_MS = 5000

/** Where keys come from, and the time. */
export interface RemoteKeysParts {
  readonly url: string
  readonly get: (url: string) => Promise<Uint8Array>
  /** Unix milliseconds. */
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

/**
 * Keys that an issuer publishes. Fetched when a token first needs them; one request at a time, and not
 * more often than the constants above say, whatever tokens somebody makes up.
 */
export class RemoteKeys implements IssuerKeys {
  readonly #parts: RemoteKeysParts
  #set: LocalJWKSet | null = null
  #fetchedAt = 0
  #askedAt = Number.NEGATIVE_INFINITY
  #lastFailed = false
  #pending: Promise<void> | null = null

  constructor(parts: RemoteKeysParts) {
    this.#parts = parts
  }

  async find(header: SigningHeader): Promise<KeyLookup> {
    const fresh = this.#setWithin(KEYS_FRESH_MS)
    if (fresh !== null) {
      const found = await findKey(fresh, header)
      if (!isUnknown(found)) return found
    }
    await this.#refresh(fresh === null ? RETRY_MS : UNKNOWN_KEY_COOL_DOWN_MS)
    const set = this.#setWithin(KEYS_STALE_MS)
    if (set === null) return { missing: 'unavailable' }
    const found = await findKey(set, header)
    // Whether it is a new key only the issuer knows.
    return isUnknown(found) && this.#lastFailed ? { missing: 'unavailable' } : found
  }

  #setWithin(ms: number): LocalJWKSet | null {
    return this.#set !== null && this.#since(this.#fetchedAt) < ms ? this.#set : null
  }

  // A clock that was set back must not make keys younger.
  #since(time: number): number {
    const passed = this.#parts.now() - time
    return passed >= 0 ? passed : Number.POSITIVE_INFINITY
  }

  async #refresh(coolDownMs: number): Promise<void> {
    if (this.#pending === null) {
      if (this.#since(this.#askedAt) < coolDownMs) return
      this.#askedAt = this.#parts.now()
      this.#pending = this.#fetch().finally(() => {
        this.#pending = null
      })
    }
    await this.#pending
  }

  async #fetch(): Promise<void> {
    const { url, get, now, log } = this.#parts
    try {
      this.#set = parseJwks(await get(url))
      this.#fetchedAt = now()
      this.#lastFailed = false
    } catch (error) {
      // Whatever it is, there are no new keys: who needs one is refused.
      this.#lastFailed = true
      log.warn({ jwks_url: url, err: error }, "an issuer's keys cannot be had")
    }
  }
}

function isUnknown(found: KeyLookup): boolean {
  return 'missing' in found && found.missing === 'unknown'
}
