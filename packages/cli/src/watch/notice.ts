import type { DecidedReport } from '../approvals/decided-lines.js'
import type { Notice } from './state.js'

/** What became of a decision, in the one line that the screen has for it. */
export function noticeOf(report: DecidedReport): Notice {
  const receipt = report.rows.find(([label]) => label === 'receipt')
  const parts = [
    report.sentence,
    report.warning,
    receipt === undefined ? undefined : `receipt ${receipt[1]}`,
  ]
  const text = parts.filter((one) => one !== undefined).join('; ')
  if (!report.ok) return { text: `not carried out: ${text}`, tone: 'bad' }
  return { text, tone: report.warning === undefined ? 'good' : 'warn' }
}
