/** Issuer and audience of every lease (auth spec 1). */
export const LEASE_ISSUER = 'latchgate'

/** The claims of a lease, in the order in which they are signed (auth spec 6.1, design 10). */
export type LeaseClaims = {
  readonly iss: string
  /** Principal. */
  readonly sub: string
  readonly aud: string
  /** Unix seconds; the lease is still good in this very second. */
  readonly exp: number
  /** Unix seconds. */
  readonly nbf: number
  /** Unix seconds. */
  readonly iat: number
  readonly jti: string
  readonly session_id: string
  readonly scope: readonly string[]
  /** Absent: the session has no budget. `max_calls: null`: a budget without a limit. */
  readonly budgets?: { readonly max_calls: number | null }
  /** RFC 7638 thumbprint of the only key that may use the lease. */
  readonly cnf: { readonly jkt: string }
  readonly owner?: string
  /** Revocation epoch at the time of issue. */
  readonly epoch: number
  /** Method by which the principal was identified, e.g. `peercred`. */
  readonly idm: string
  /** Absent unless a token of an issuer did: `idm` is `jwt`. */
  readonly idp?: LeaseToken
}

/** The token of an issuer by which a session was opened or renewed last (design 10). */
export type LeaseToken = {
  readonly iss: string
  /** Its audience, as the gate's configuration has it. */
  readonly aud: string
  /** Unix seconds; from then on a renewal takes a fresh one. */
  readonly exp: number
  /** Name of the claim that the principal is from. */
  readonly principal_claim: string
}
