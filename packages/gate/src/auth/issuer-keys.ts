import { type CryptoKey, errors, type LocalJWKSet } from 'jose'

/** What the header of a token says of the key that signed it (RFC 7515 4.1). */
export interface SigningHeader {
  readonly alg: string
  readonly kid?: string
}

/**
 * The key that a token's header names, or why there is none: the issuer has no such key; several of its
 * keys would do; nobody knows, as the issuer does not answer.
 */
export type KeyLookup =
  | { readonly key: CryptoKey }
  | { readonly missing: 'unknown' | 'ambiguous' | 'unavailable' }

/** The public keys of an issuer. */
export interface IssuerKeys {
  find(header: SigningHeader): Promise<KeyLookup>
}

/** Keys that stand in a file: what it said when it was read last. */
export class FileKeys implements IssuerKeys {
  readonly #set: LocalJWKSet

  constructor(set: LocalJWKSet) {
    this.#set = set
  }

  find(header: SigningHeader): Promise<KeyLookup> {
    return findKey(this.#set, header)
  }
}

/** The one key of a set that can have signed a token with this header. */
export async function findKey(set: LocalJWKSet, header: SigningHeader): Promise<KeyLookup> {
  try {
    return { key: await set({ ...header }) }
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return { missing: 'unknown' }
    if (error instanceof errors.JWKSMultipleMatchingKeys) return { missing: 'ambiguous' }
    throw error
  }
}
