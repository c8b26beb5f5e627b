import type { Ledger } from '../port.js'
import type { Swept } from './commands.js'

/** Where the ledger reports what no caller waits for. A pino logger fits. */
export interface LedgerLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The SQLite ledger, with what a gate needs beyond the port. */
export interface SqliteLedgerHandle extends Ledger {
  /** `failed`: a commit failed; close this one and open the ledger anew. */
  readonly state: 'open' | 'closed' | 'failed'
  /** Id of the last commit before this ledger was opened; see {@link LedgerFault.batch}. */
  readonly lastBatch: string
  /** Size of the tree at the latest checkpoint. */
  readonly size: number
  /** Verifier key of the log, for whoever wants to check it elsewhere (C2SP vkey). */
  readonly vkey: string
  /** One pass of the sweeper; it runs by itself every few seconds. */
  sweep(): Promise<Swept>
}
