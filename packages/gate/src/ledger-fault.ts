import { Fault } from './refusal.js'

/**
 * Turns a failed write of the ledger into the fault that the edge answers: a wall clock that went
 * back is `clock_error`, anything else means that the record may not exist, and denies.
 */
export function ledgerFault(cause: unknown): Fault {
  const code = (cause as { readonly code?: unknown } | null)?.code
  if (code === 'clock_error') {
    return new Fault('clock_error', 'the clock is behind the time of the last record', { cause })
  }
  return new Fault('store_unavailable', 'the ledger did not confirm the record', { cause })
}

/** What is read from the ledger; throws the fault that the edge answers when it cannot be. */
export async function readLedger<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    throw ledgerFault(error)
  }
}
