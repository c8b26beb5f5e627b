/** Base of every error of the 0.2.0 client (spec/http-api 15.5). */
export class LatchGateError extends Error {
  constructor(message: string) {
    super(message)
    this.name = new.target.name
  }
}

/** Policy, a bad request, an unknown id: the reason is the code, sometimes with a text after it. */
export class LatchGateDenied extends LatchGateError {
  readonly actionId: string
  readonly reason: string | undefined

  constructor(actionId: string, reason?: string) {
    super(
      reason === undefined
        ? `action '${actionId}' denied by policy`
        : `action '${actionId}' denied by policy: ${reason}`,
    )
    this.actionId = actionId
    this.reason = reason
  }
}

/** The call waits for an operator. */
export class LatchGateApprovalRequired extends LatchGateError {
  readonly actionId: string
  readonly approvalId: string

  constructor(actionId: string, approvalId: string) {
    super(`action '${actionId}' requires approval: poll approvalId='${approvalId}'`)
    this.actionId = actionId
    this.approvalId = approvalId
  }
}

/** The lease's own budget is used up. */
export class LatchGateBudgetExhausted extends LatchGateError {
  readonly actionId: string

  constructor(actionId: string) {
    super(`budget exhausted for action '${actionId}'`)
    this.actionId = actionId
  }
}

/** A 401: `detail` and `code` are both the gate's code. */
export class LatchGateAuthError extends LatchGateError {
  readonly detail: string
  readonly code: string

  constructor(code: string) {
    super(`authentication failed: ${code}`)
    this.detail = code
    this.code = code
  }
}

/** 401 `lease_expired`. */
export class LatchGateLeaseExpired extends LatchGateAuthError {}

/** 401 `replay_detected`. */
export class LatchGateReplayDetected extends LatchGateAuthError {}

/** 502, 503 and every status without a class of its own. */
export class LatchGateUnavailable extends LatchGateError {
  readonly detail: string

  constructor(detail: string) {
    super(`gateway unavailable: ${detail}`)
    this.detail = detail
  }
}

/** Connection, DNS, time-out, an answer that is not JSON. */
export class LatchGateTransportError extends LatchGateError {
  readonly detail: string

  constructor(detail: string) {
    super(`transport error: ${detail}`)
    this.detail = detail
  }
}

/** No lease and no agent id to get one with. */
export class LatchGateNotConnected extends LatchGateError {
  constructor() {
    super('call connect() before execute()')
  }
}
