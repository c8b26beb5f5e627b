/** What a proof's identifier was found to be. */
export type ReplayVerdict = 'fresh' | 'replayed' | 'full'

/**
 * What may be lost in a crash (design 5): the fast path of replay protection, and rates. What must
 * hold across a crash is in the ledger's transaction.
 */
export interface State {
  /**
   * Remembers a proof of key `jkt` until `forgetAfter` (Unix ms). Namespaced by key: nobody can use
   * up another caller's identifiers. `owner` shares one quota of the memory. Throws when the store
   * cannot be reached.
   */
  rememberProof(proof: {
    readonly jkt: string
    readonly jti: string
    readonly owner: string
    readonly forgetAfter: number
  }): Promise<ReplayVerdict>
  /** Takes one token from a bucket of `rate` tokens a second; false when it is empty. */
  take(bucket: string, rate: number): Promise<boolean>
  /** Gives a token back. */
  giveBack(bucket: string): Promise<void>
  healthy(): Promise<boolean>
  close(): Promise<void>
}
