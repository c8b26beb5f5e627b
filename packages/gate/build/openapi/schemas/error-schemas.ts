import {
  type ApproveResponse,
  ERROR_CODES,
  type ErrorBody,
  EXECUTION_ERRORS,
} from '@latchgate/protocol'
import {
  count,
  type Members,
  object,
  oneOf,
  optional,
  ref,
  type Schema,
  text,
  uuid,
} from '../schema.js'
import { APPROVED } from './approval-outcome-schemas.js'

const ERROR: Members<ErrorBody> = {
  error: text('What went wrong, for programs: the set of codes is closed.', {
    enum: Object.keys(ERROR_CODES),
  }),
  message: text('What went wrong, for humans: what it was, and what to do.'),
  trace_id: uuid('Names this request in the log and, once authenticated, in the records.'),
  receipt_id: optional(uuid('There is a receipt: the call was dispatched.')),
  deny_reason: optional(text("The cause in the policy's, the operator's or the proof's words.")),
  principal: optional(text('Whose call it was.')),
  action_id: optional(text('Which action it was about.')),
  remediation: optional(text('What gives the right that was missing.')),
  detail: optional(text('What is wrong with a member of the body.')),
  reason: optional(text('With `schema_violation` and `invalid_json`: the kind of fault.')),
  path: optional(text('JSON pointer (RFC 6901) to the member at fault; empty for the whole body.')),
  retry_after_seconds: optional(count('As the header Retry-After.')),
  error_type: optional(
    text('With `action_execution_failed`: how the execution ended.', {
      enum: Object.keys(EXECUTION_ERRORS),
    }),
  ),
  outcome: optional(ref('EffectOutcome')),
  session_seq: optional(count('Position of the call in its session.')),
  log: optional(ref('LogPosition')),
}

/** What `approve` adds to the answer of a failed execution. */
type ApprovedError = ErrorBody &
  Pick<ApproveResponse, 'approval' | 'learned_domain' | 'learned_path'>

/** Every error body. */
export const ERROR_SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object<ErrorBody>(
    ERROR,
    'The body of every error. Members beyond `error`, `message` and `trace_id` depend on the code.',
  ),
  ApprovedError: object<ApprovedError>(
    { ...ERROR, ...APPROVED },
    'An error of `approve`; when the approved call was executed and failed, with whose decision it was.',
  ),
  EffectOutcome: oneOf(
    { answered: true, not_sent: true, unknown: true },
    'What is known of the request that was to leave the gate: it was answered, it was not sent, or it may have had its effect.',
  ),
}
