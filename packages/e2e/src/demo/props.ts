import type { Upstream } from '@latchgate/testkit'

/** What the acts play with. */
export interface Props {
  readonly directory: string
  readonly configFile: string
  readonly socket: string
  readonly ledger: string
  /** The gate's public receipt keys, as a file: what an auditor would have been given. */
  readonly receiptKeys: string
  /** Where the tampered copy goes. */
  readonly copy: string
  readonly upstream: Upstream
  readonly token: string
}
