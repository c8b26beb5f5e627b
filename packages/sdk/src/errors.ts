import { printOnce, restate } from './printed-members.js'

/** What the gate said beside what the message shows; every member is null when it did not say it. */
export interface GateDetails {
  /** Code of the error body; `unknown` when the body was missing or not JSON. */
  readonly code: string | null
  /** HTTP status. Null: no answer was received. */
  readonly status: number | null
  /** Names the decision in the gate's log and ledger. */
  readonly traceId: string | null
  /** The signed receipt of a call that was dispatched. */
  readonly receiptId: string | null
  /** The gate's sentence for humans; says what to do where the gate knows it. */
  readonly gateMessage: string | null
  /** Why, in words of the policy or of the check that refused. */
  readonly denyReason: string | null
  /** A command that an operator could run. */
  readonly remediation: string | null
  /** What ended a dispatched call: `upstream_timeout`, `fuel_exhausted`, … */
  readonly errorType: string | null
  /** `answered`, `not_sent` or `unknown`: whether a dispatched call may have had its effect. */
  readonly outcome: string | null
  /** Seconds after which the gate asks to be called again. */
  readonly retryAfterSeconds: number | null
  /** The whole error body. */
  readonly body: Readonly<Record<string, unknown>> | null
}

const NOTHING: GateDetails = {
  code: null,
  status: null,
  traceId: null,
  receiptId: null,
  gateMessage: null,
  denyReason: null,
  remediation: null,
  errorType: null,
  outcome: null,
  retryAfterSeconds: null,
  body: null,
}

/**
 * Base of every error of the client (spec/http-api 15.5). Messages begin as those of the published
 * clients; everything else that the gate said is in the members. Those that are null, or repeated by the
 * message, are not enumerable.
 */
export class LatchGateError extends Error implements GateDetails {
  readonly code: string | null
  readonly status: number | null
  readonly traceId: string | null
  readonly receiptId: string | null
  readonly gateMessage: string | null
  readonly denyReason: string | null
  readonly remediation: string | null
  readonly errorType: string | null
  readonly outcome: string | null
  readonly retryAfterSeconds: number | null
  readonly body: Readonly<Record<string, unknown>> | null

  constructor(message: string, details: Partial<GateDetails> = {}, options?: ErrorOptions) {
    super(message, options)
    const all: GateDetails = { ...NOTHING, ...details }
    this.name = new.target.name
    this.code = all.code
    this.status = all.status
    this.traceId = all.traceId
    this.receiptId = all.receiptId
    this.gateMessage = all.gateMessage
    this.denyReason = all.denyReason
    this.remediation = all.remediation
    this.errorType = all.errorType
    this.outcome = all.outcome
    this.retryAfterSeconds = all.retryAfterSeconds
    this.body = all.body
    printOnce(this)
  }
}

/** The call was refused: policy, a request that is not valid, an id that the gate does not know. */
export class LatchGateDenied extends LatchGateError {
  /** The action that was called; a name in `<>` where there is none, such as `<connect>`. */
  readonly actionId: string
  /** The code of the gate and its reason, as in the message. */
  readonly reason: string | undefined

  constructor(actionId: string, reason?: string, details?: Partial<GateDetails>) {
    const why = reason === undefined ? '' : `: ${reason}`
    super(`action '${actionId}' denied by policy${why}`, details)
    this.actionId = actionId
    this.reason = reason
    printOnce(this)
  }
}

/** The call is held until an operator decides; wait with `waitForApproval(approvalId)`. */
export class LatchGateApprovalRequired extends LatchGateError {
  /** The action that was called; a name in `<>` where there is none, such as `<connect>`. */
  readonly actionId: string
  /** What `waitForApproval`, `getApprovalStatus` and the operator take. */
  readonly approvalId: string

  constructor(
    actionId: string,
    approvalId: string,
    details?: Partial<GateDetails>,
    options?: ErrorOptions,
  ) {
    super(
      `action '${actionId}' requires approval: poll approvalId='${approvalId}'`,
      details,
      options,
    )
    this.actionId = actionId
    this.approvalId = approvalId
  }
}

/** The time of `waitForApproval` is over. The call is still held: go on with `approvalId`. */
export class LatchGateApprovalTimeout extends LatchGateApprovalRequired {
  /** Milliseconds that were waited. */
  readonly timeoutMs: number

  constructor(actionId: string, approvalId: string, timeoutMs: number, options?: ErrorOptions) {
    super(actionId, approvalId, {}, options)
    restate(
      this,
      `no decision on approval '${approvalId}' within ${timeoutMs} ms: it is still held`,
    )
    this.timeoutMs = timeoutMs
  }
}

/** An operator denied the held call; `reason` is his. */
export class LatchGateApprovalDenied extends LatchGateDenied {
  /** What `waitForApproval`, `getApprovalStatus` and the operator take. */
  readonly approvalId: string

  constructor(
    actionId: string,
    approvalId: string,
    reason?: string,
    details?: Partial<GateDetails>,
  ) {
    super(actionId, reason, details)
    const why = reason === undefined ? '' : `: ${reason}`
    restate(this, `action '${actionId}' denied by an operator${why}`)
    this.approvalId = approvalId
  }
}

/** Nobody decided in time: the call must be made again to be held again. */
export class LatchGateApprovalExpired extends LatchGateDenied {
  /** What `waitForApproval`, `getApprovalStatus` and the operator take. */
  readonly approvalId: string

  constructor(actionId: string, approvalId: string, details?: Partial<GateDetails>) {
    super(actionId, 'approval_expired', details)
    restate(
      this,
      `approval '${approvalId}' for action '${actionId}' expired without a decision: make the call again`,
    )
    this.approvalId = approvalId
  }
}

/** The lease's own budget has no call left. */
export class LatchGateBudgetExhausted extends LatchGateError {
  /** The action that was called; a name in `<>` where there is none, such as `<connect>`. */
  readonly actionId: string

  constructor(actionId: string, details?: Partial<GateDetails>) {
    super(`budget exhausted for action '${actionId}'`, details)
    this.actionId = actionId
  }
}

/**
 * The gate did not accept the lease, the proof or the identity. With code `identity_token_unusable`
 * (status null): the option `identityToken` gave no token, and nothing was sent.
 */
export class LatchGateAuthError extends LatchGateError {
  /** The code, the same text as `code`. */
  readonly detail: string
  declare readonly code: string

  /** `options.explanation`: why, and what to do; the message ends with it. */
  constructor(
    code: string,
    details?: Partial<GateDetails>,
    options: ErrorOptions & { readonly explanation?: string } = {},
  ) {
    const { explanation } = options
    const why = explanation === undefined ? '' : `: ${explanation}`
    super(`authentication failed: ${code}${why}`, { ...details, code }, options)
    this.detail = code
    printOnce(this)
  }
}

/** 401 `lease_expired`, after the one automatic retry. */
export class LatchGateLeaseExpired extends LatchGateAuthError {}

/** 401 `replay_detected`: the gate has seen this proof before. Never repeated by the client. */
export class LatchGateReplayDetected extends LatchGateAuthError {}

/** The gate, or something it needs, cannot answer now; also every status without its own class. */
export class LatchGateUnavailable extends LatchGateError {
  /** What the message says after its first words, without the gate's sentence. */
  readonly detail: string

  constructor(detail: string, details?: Partial<GateDetails>) {
    const said = details?.gateMessage ?? ''
    const why = said === '' || said === detail ? '' : `: ${said}`
    super(`gateway unavailable: ${detail}${why}`, details)
    this.detail = detail
    printOnce(this)
  }
}

/** There is no usable answer: no connection, a time-out, an unsafe socket, not JSON. */
export class LatchGateTransportError extends LatchGateError {
  /** What the message says after its first words. */
  readonly detail: string

  constructor(detail: string, details?: Partial<GateDetails>, options?: ErrorOptions) {
    super(`transport error: ${detail}`, details, options)
    this.detail = detail
    printOnce(this)
  }
}

/** There is no lease, and no agent id was given that would allow getting one. */
export class LatchGateNotConnected extends LatchGateError {
  constructor() {
    super('call connect() before execute()')
  }
}
