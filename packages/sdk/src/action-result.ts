import {
  type GateAnswer,
  isMembers,
  type Members,
  objectMember,
  optionalCount,
  requiredText,
  successBody,
} from './gate-answer.js'

/** Where the receipt's leaf stands in the gate's log. Not signed; see the bundle for proof. */
export interface LogPosition {
  /** Number of the leaf, from 0. */
  readonly index: number
  /** Leaves in the log when the call was sealed. */
  readonly size: number
}

/** What an executed action gave (spec/http-api 10.3, 15.4). */
export interface ActionResult {
  /** The provider's envelope as it is: an object with a boolean `ok`. */
  readonly output: unknown
  /** Id of the signed receipt: read it with `getReceipt`, check it with `verifyReceipt`. */
  readonly receiptId: string
  /** Names this call in the log and ledger of the gate. */
  readonly traceId: string
  /** Id of the grant, valid once, that the call used up. */
  readonly grantId: string
  /** As the gate sends it, snake case: `outcome`, `is_fully_successful`. */
  readonly verification: Members
  /** As the gate sends it, snake case: `duration_ms`, `exit_code`, `fuel_consumed`. */
  readonly runtime: Members
  /** The provider succeeded and the effect is verified, or declared unverifiable. */
  readonly isFullySuccessful: boolean
  /** Number of this call in its session. Null: the gate does not number its calls. */
  readonly sessionSeq: number | null
  /** Null: the gate did not say it. */
  readonly log: LogPosition | null
}

/** Reads the answer to a call that was executed. */
export function actionResult(answer: GateAnswer): ActionResult {
  const body = successBody(answer, 'execute')
  const verification = objectMember(body, 'verification')
  return {
    output: body['output'],
    receiptId: requiredText(body, 'receipt_id', 'execute'),
    traceId: requiredText(body, 'trace_id', 'execute'),
    grantId: requiredText(body, 'grant_id', 'execute'),
    verification,
    runtime: objectMember(body, 'runtime'),
    isFullySuccessful: verification['is_fully_successful'] === true,
    sessionSeq: optionalCount(body, 'session_seq'),
    log: logPosition(body['log']),
  }
}

function logPosition(json: unknown): LogPosition | null {
  if (!isMembers(json)) return null
  const index = optionalCount(json, 'index')
  const size = optionalCount(json, 'size')
  return index === null || size === null ? null : { index, size }
}
