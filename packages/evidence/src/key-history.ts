import { decodeHex, encodeHex, isAcceptableEd25519Key, type JsonObject } from '@latchgate/protocol'
import type { Leaf } from './leaf.js'

/** What a key signs: checkpoints, or receipts. They are never the same key (notes/evidence 5). */
export type KeyPurpose = 'log' | 'receipt'

/** A public key of the log and the leaf indexes it is good for. */
export interface LogKey {
  readonly kid: string
  readonly purpose: KeyPurpose
  readonly publicKey: Uint8Array
  readonly addedAt: string
  /** Index of its `key_added` leaf; records from there on may be signed by it. */
  readonly fromIndex: number
  /** First index that it may not sign any more; null while it may. */
  readonly toIndex: number | null
}

/** The body of a `key_added` leaf. */
export function keyAddedBody(
  purpose: KeyPurpose,
  key: { readonly kid: string; readonly publicKey: Uint8Array; readonly addedAt: string },
): JsonObject {
  return {
    purpose,
    kid: key.kid,
    alg: 'Ed25519',
    public_key: encodeHex(key.publicKey),
    added_at: key.addedAt,
  }
}

/**
 * The keys that the log itself announces. Whether a key was good is decided by the index of the
 * leaf it signed, never by a time, which the signer chooses (notes/evidence 5).
 */
export class KeyHistory {
  readonly #keys = new Map<string, LogKey>()

  /** All keys, in the order of their announcement. */
  get keys(): readonly LogKey[] {
    return [...this.#keys.values()]
  }

  /** Takes note of a key leaf; others are ignored. Returns what is wrong with it, or null. */
  add(index: number, leaf: Leaf): string | null {
    if (leaf.type === 'key_added') return this.#announce(index, leaf.body)
    if (leaf.type === 'key_retired') return this.#end(leaf.body, index)
    if (leaf.type !== 'key_revoked') return null
    const from = leaf.body['from_index']
    return typeof from === 'number' ? this.#end(leaf.body, from) : 'from_index is missing'
  }

  /** The key that may have signed the record at `index`, or why there is none. */
  at(
    purpose: KeyPurpose,
    kid: string,
    index: number,
  ): { readonly key: LogKey } | { readonly problem: 'unknown' | 'out_of_range' } {
    const key = this.#keys.get(`${purpose}/${kid}`)
    if (key === undefined) return { problem: 'unknown' }
    const ended = key.toIndex !== null && index >= key.toIndex
    return index <= key.fromIndex || ended ? { problem: 'out_of_range' } : { key }
  }

  #announce(index: number, body: JsonObject): string | null {
    const { purpose, kid, public_key: hex, added_at: addedAt } = body
    if (purpose !== 'log' && purpose !== 'receipt') return `unknown purpose '${String(purpose)}'`
    const publicKey = typeof hex === 'string' ? decodeHex(hex) : null
    if (publicKey?.length !== 32) return 'public_key is not an Ed25519 key'
    // Good for any message: with such a key in the log, any receipt would be signed.
    if (!isAcceptableEd25519Key(publicKey)) return 'public_key is of small order or not canonical'
    if (typeof kid !== 'string' || typeof addedAt !== 'string') return 'kid or added_at is missing'
    const name = `${purpose}/${kid}`
    // A second key under one kid would make it ambiguous which of them signed.
    if (this.#keys.has(name)) return `the ${purpose} key ${kid} was added before`
    this.#keys.set(name, { kid, purpose, publicKey, addedAt, fromIndex: index, toIndex: null })
    return null
  }

  #end(body: JsonObject, at: number): string | null {
    const name = `${String(body['purpose'])}/${String(body['kid'])}`
    const key = this.#keys.get(name)
    if (key === undefined) return `no key ${name} was added`
    const toIndex = key.toIndex === null ? at : Math.min(key.toIndex, at)
    this.#keys.set(name, { ...key, toIndex })
    return null
  }
}
