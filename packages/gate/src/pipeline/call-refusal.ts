import type { CallRefusal } from '../ledger/port.js'
import { type Refusal, refuse } from '../refusal.js'

/** The refusal of a commit's guard, as the caller is told. */
export function callRefusal(refused: CallRefusal): Refusal {
  const detail = `commit: ${refused.code}`
  if (refused.code !== 'quota_exhausted') return refuse(refused.code, { detail })
  const seconds = Math.ceil(refused.retryAfterMs / 1000)
  return refuse('quota_exhausted', {
    detail,
    message: `The operator's quota for this principal is used up; the next call fits in ${seconds} s.`,
    body: { retry_after_seconds: seconds },
    retryAfterSeconds: seconds,
  })
}
