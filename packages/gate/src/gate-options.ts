import type { Logger } from 'pino'
import type { LoadedConfig } from './config/schema.js'
import type { Route as NetworkRoute } from './egress/port.js'
import type { State } from './state/port.js'

/** What a caller of `startGate` can replace; everything else comes from the configuration. */
export interface GateOptions {
  readonly loaded: LoadedConfig
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  /** Unix milliseconds; default the system's clock. */
  readonly now?: () => number
  /** Further resumable modules; manifests name them by `sha256:…`. */
  readonly modules?: readonly Uint8Array[]
  /** Resolver of upstream names; default the system's. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  /** Where the network has a vetted address; default there (see `EgressOptions`). */
  readonly route?: NetworkRoute
  /** Replay memory and rates; default in this process. */
  readonly state?: State
  /** Durability of the ledger, for benchmarks alone. */
  readonly synchronous?: 'FULL' | 'OFF'
}
