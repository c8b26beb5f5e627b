/** Body of `POST /v1/admin/revoke`: one of the first four (design 14). */
export type RevokeRequest = {
  readonly lease_jti?: string
  readonly session_id?: string
  readonly principal?: string
  readonly all?: true
  readonly reason?: string
}

/** Answer of `POST /v1/admin/revoke`. */
export type RevokeResponse = {
  readonly revoked: {
    readonly kind: 'lease' | 'session' | 'principal' | 'all'
    readonly value: string | null
  }
  readonly previous_epoch: number
  readonly current_epoch: number
  /** Pending approvals that ended with it. */
  readonly approvals_revoked: number
}

/** Answer of `POST /v1/admin/revoke-all` (http-api 12.5). */
export type RevokeAllResponse = { readonly previous_epoch: number; readonly current_epoch: number }
