import type { Endpoint } from './endpoint.js'

/** One request that the gate makes for a provider, after injection of the secrets (design 8). */
export interface EgressRequest {
  /** Keep-alive connections are never shared between principals. */
  readonly principal: string
  readonly method: string
  /** WHATWG href; may hold an injected secret, so it never goes to a log. */
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
  /** Host entries that this call may reach; matched before any resolver call. */
  readonly allow: readonly string[]
  /** True when a secret was injected: then only TLS or an `unsafe_resolve` target will do. */
  readonly confidential: boolean
  readonly timeoutMs: number
  /** Cap on the decoded body. */
  readonly maxResponseBytes: number
  readonly signal?: AbortSignal
}

/** A final answer, read to its end. */
export interface EgressResponse {
  readonly status: number
  /** Lower-case names, in the order received; hop-by-hop and content-encoding removed. */
  readonly headers: readonly (readonly [string, string])[]
  /** Decoded. */
  readonly body: Uint8Array
}

/** Why there is no usable response (design 14, provider results). */
export type EgressErrorType =
  | 'egress_denied'
  | 'upstream_unreachable'
  | 'upstream_timeout'
  | 'upstream_protocol'
  | 'response_too_large'

/**
 * What is known of the request (notes/evidence 2): `answered` with a status, `not_sent` when no
 * byte of it was handed to a socket, `unknown` for anything between.
 */
export interface EgressResult {
  readonly outcome: 'answered' | 'not_sent' | 'unknown'
  /** `ip:port` that was connected to, or tried last; null when nothing was. */
  readonly address: string | null
  /** SHA-256 of the peer's verified certificate (DER), hex. */
  readonly certificateSha256: string | null
  /** Known as soon as response headers arrived, even if the body then failed. */
  readonly status: number | null
  readonly response: EgressResponse | null
  /** Set when there is no usable response. `message` names hosts and addresses, never a full URL. */
  readonly error: { readonly type: EgressErrorType; readonly message: string } | null
}

/** What the client is configured with. Only tests replace resolver, addresses and route. */
export interface EgressOptions {
  /** `[egress.unsafe_resolve]`: exact `host:port` → `ip:port`, exempt from address and port rules. */
  readonly unsafeResolve: ReadonlyMap<string, string>
  /** PEM of additional trust roots, or null. */
  readonly extraCaPem: string | null
  /** Resolver; all addresses are classified. Default: the system's. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  /** The host's own addresses; never a destination. Default: read from the system. */
  readonly ownAddresses?: () => readonly string[]
  /**
   * Where the network has a vetted address, asked right before the connection is made. Default: at
   * that address. A test answers with an upstream of its own, so that nothing leaves the machine;
   * names, certificates and records go on with the vetted one.
   */
  readonly route?: Route
  /** Bounds of the kept connections. Default: 256 in all, 64 of one pool, 4 s idle. */
  readonly keepAlive?: Partial<KeepAliveLimits>
}

/** The place that stands for an address. */
export type Route = (vetted: Endpoint) => Endpoint

/** Bounds of the connections that wait for another request. */
export interface KeepAliveLimits {
  /** Of all pools together; the least recently used goes first. */
  readonly maxIdle: number
  /** Of one (principal, origin, pinned address). */
  readonly maxIdlePerPool: number
  /** An upstream's `Keep-Alive: timeout=` may shorten it. */
  readonly idleMs: number
}

/** Port to the outside. One implementation: the pinned HTTP client. */
export interface Egress {
  /** Never rejects for what an upstream or a destination does; sends a request at most once. */
  request(request: EgressRequest): Promise<EgressResult>
  /** Ends what is in flight, closes every connection, refuses further requests. */
  close(): Promise<void>
}
