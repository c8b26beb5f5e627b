/** The one request that a call may make, as the plan shows it: resolved, and without any secret. */
export interface Target {
  readonly method: string
  /** WHATWG href. */
  readonly url: string
  /** Lower-case names, sorted. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
}
