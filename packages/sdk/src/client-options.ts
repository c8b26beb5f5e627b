import type { DPoPKeyPair } from '@latchgate/protocol/node'
import type { Dispatcher } from 'undici'
import type { IdentityToken } from './identity-token.js'
import { readKeyFile } from './key-file.js'
import type { LeaseWish } from './lease.js'

/** How a client is made (spec/http-api 15.1). */
export interface ClientOptions {
  /** Path of the gate's Unix socket. Wins over `LATCHGATE_URL`. */
  readonly socket?: string | undefined
  /** URL of the gate over TCP. Wins over `socket`. */
  readonly baseUrl?: string | undefined
  /** The gate's own `public_base_url`, where it differs from the URL it is reached at. */
  readonly publicBaseUrl?: string | undefined
  /** Allows the client to connect by itself. A label in the gate's records, never an identity. */
  readonly agentId?: string | undefined
  /** Milliseconds for one request. Default 30,000; 45,000 for `execute`. */
  readonly timeoutMs?: number | undefined
  /** Replaces the transport; `socket` is then ignored, and `close()` leaves it open. */
  readonly dispatcher?: Dispatcher | undefined
  /** A key that the gate has registered for this agent. Default: a new key for each session. */
  readonly key?: DPoPKeyPair | undefined
  /** That key as a file: P-256, PEM (PKCS#8 or SEC 1), readable by this user alone. */
  readonly keyFile?: string | undefined
  /**
   * A JWT of an issuer that the gate trusts (`[[identity.jwt]]`), or a function, synchronous or not,
   * that gives a fresh one. It is asked for each new session and each renewal, within the time limit
   * of a request. Can be combined with a key, to which the token's `cnf.jkt` must then belong.
   */
  readonly identityToken?: IdentityToken | undefined
}

/** What a session is asked for. */
export interface ConnectOptions {
  /** Takes the place of the agent id given to the constructor. */
  readonly agentId?: string | undefined
  /** Default `["tools:call"]`. */
  readonly scopes?: readonly string[] | undefined
  /** Calls that this session may make: the agent's own seat belt. */
  readonly maxCalls?: number | undefined
  /** Sent as it is; gates do not count cost yet. */
  readonly maxCostUsdCents?: number | undefined
}

/** How one call is made. */
export interface CallOptions {
  /** Ends the wait for an answer. A call that has been sent may be executed all the same. */
  readonly signal?: AbortSignal | undefined
}

/** Milliseconds that requests may take. */
export interface Timeouts {
  readonly request: number
  readonly execute: number
}

const REQUEST_TIMEOUT_MS = 30_000
// Longer than the 30 s that an action may take, or the client would give up on calls that complete.
const EXECUTE_TIMEOUT_MS = 45_000
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** The key that a client was given, itself or as a file; null: one of its own for each session. */
export function keyOf({ key, keyFile }: ClientOptions): DPoPKeyPair | null {
  if (keyFile === undefined) return key ?? null
  if (key !== undefined) throw new TypeError('give `key` or `keyFile`, not both')
  return readKeyFile(keyFile)
}

/** The time limits of a client; throws a `RangeError` for one that is no positive number. */
export function timeoutsOf(timeoutMs: number | undefined): Timeouts {
  if (timeoutMs === undefined) return { request: REQUEST_TIMEOUT_MS, execute: EXECUTE_TIMEOUT_MS }
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `timeoutMs must be above 0 and at most ${MAX_TIMEOUT_MS}, got ${timeoutMs}`,
    )
  }
  const whole = Math.ceil(timeoutMs)
  return { request: whole, execute: whole }
}

/** What a lease is asked for, with the defaults. */
export function leaseWish(
  options: ConnectOptions,
  agentId: string | null,
  key: DPoPKeyPair | null,
): LeaseWish {
  return {
    scopes: options.scopes ?? ['tools:call'],
    maxCalls: options.maxCalls ?? null,
    maxCostUsdCents: options.maxCostUsdCents ?? null,
    agentId: options.agentId ?? agentId,
    key,
  }
}
