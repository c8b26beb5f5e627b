import type { Findings, LogReport } from '@latchgate/evidence'
import { LedgerDamaged } from '../../faults.js'
import type { Database } from '../database.js'
import { type LogState, readLogState } from '../log-state.js'

/** Holds the one row of `log_state` against the log that was read. */
export function checkLogState(db: Database, report: LogReport, findings: Findings): void {
  const state = readState(db, findings)
  if (state === null) return
  const add = (problem: string): void => findings.add(problem, { column: 'log_state' })
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
  if (report.root !== null && Buffer.from(state.root).toString('hex') !== report.root) {
    add('the root of log_state is not the one of the leaves')
  }
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
