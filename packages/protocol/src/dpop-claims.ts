/** What a proof of possession states (RFC 9449 4.2, auth spec 7.3). */
export type DpopClaims = {
  /** Unique for its key: 1 to 128 visible ASCII characters. */
  readonly jti: string
  /** HTTP method, upper case. */
  readonly htm: string
  /** URL without query and fragment. */
  readonly htu: string
  /** Unix seconds. */
  readonly iat: number
  /** Base64url SHA-256 of the token presented beside the proof; absent when there is none. */
  readonly ath?: string
}

/** The closed set of reasons for which a proof is refused: the metric's label (auth spec 7.4). */
export type DpopRejectKind =
  | 'malformed'
  | 'bad_header'
  | 'bad_key'
  | 'bad_sig'
  | 'bad_htm'
  | 'bad_htu'
  | 'bad_iat'
  | 'bad_ath'
