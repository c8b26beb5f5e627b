import { type Findings, Frontier, type LogReport } from '@latchgate/evidence'
import { evidenceCrypto } from '../../../evidence-crypto.js'
import { LedgerDamaged } from '../../faults.js'
import type { Database } from '../database.js'
import { type LogState, readLogState } from '../log-state.js'
import { slices } from '../node-store.js'
import { integer, type Row } from '../row.js'

/**
 * Holds the one row of `log_state` against the log that was read. `latest` is the latest time of any
 * leaf, in Unix milliseconds: were the stored one earlier, the clock could be set back to it.
 */
export function checkLogState(
  db: Database,
  report: LogReport,
  latest: number,
  findings: Findings,
): void {
  const add = (problem: string): void => findings.add(problem, { column: 'log_state' })
  const rows = integer(db.prepare('SELECT count(*) AS n FROM log_state').get() as Row, 'n')
  if (rows > 1) add(`log_state has ${rows} rows`)
  const state = readState(db, findings)
  if (state === null) return
  if (report.origin !== null && state.origin !== report.origin) {
    add(`log_state names the log '${state.origin}', its leaves '${report.origin}'`)
  }
  if (state.size !== report.size) {
    const tail = state.size > report.size ? ': the tail is gone' : ''
    findings.add(`log_state counts ${state.size} leaves, there are ${report.size}${tail}`, {
      index: Math.min(state.size, report.size),
      column: 'log_state',
    })
    return
  }
  if (state.highestTime !== latest) add('the highest time of log_state is not that of any leaf')
  if (state.batchFrom < 0 || state.batchFrom >= state.size) {
    add(`log_state begins the last commit at leaf ${state.batchFrom}, of ${state.size}`)
  }
  if (report.root === null) return
  if (hex(state.root) !== report.root) add('the root of log_state is not the one of the leaves')
  if (frontierRoot(state) !== report.root) {
    add('the frontier of log_state is not the one of the leaves')
  }
}

function frontierRoot(state: LogState): string | null {
  try {
    return hex(Frontier.from(evidenceCrypto, state.size, slices(state.frontier)).root())
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function readState(db: Database, findings: Findings): LogState | null {
  try {
    return readLogState(db)
  } catch (error) {
    if (!(error instanceof LedgerDamaged)) throw error
    findings.add(error.message, { column: 'log_state' })
    return null
  }
}
