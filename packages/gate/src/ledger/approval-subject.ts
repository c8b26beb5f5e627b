import type { JsonObject } from '@latchgate/protocol'

/** Members of a `hold` that every later record of the approval repeats. */
const MEMBERS = [
  'approval_id',
  'trace_id',
  'principal',
  'owner',
  'session_id',
  'lease_jti',
  'action_id',
  'action_version',
  'risk_level',
  'request_hash',
  'plan_hash',
  'policy',
  'dev_mode',
] as const

/** What an `approval` leaf says of the call, out of the body of its `hold` leaf. */
export function approvalSubject(hold: JsonObject): JsonObject {
  return Object.fromEntries(MEMBERS.map((member) => [member, hold[member] ?? null]))
}
