import type { KeyObject } from 'node:crypto'
import { LruCache } from './lru.js'

const DEFAULT_CAPACITY = 256

/**
 * Public keys by RFC 7638 thumbprint (auth spec 1: 256 entries, least recently used first out). It
 * saves decoding the point and nothing else: every check of a proof is made on every proof.
 */
export class ProofKeyCache {
  readonly #keys: LruCache<KeyObject>

  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.#keys = new LruCache(capacity)
  }

  get size(): number {
    return this.#keys.size
  }

  get(jkt: string): KeyObject | undefined {
    return this.#keys.get(jkt)
  }

  set(jkt: string, key: KeyObject): void {
    this.#keys.set(jkt, key)
  }
}
