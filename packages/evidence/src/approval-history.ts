import type { Json, JsonObject } from '@latchgate/protocol'
import type { Leaf } from './leaf.js'

/** What has become of a held call. `claimed`: approved, and its outcome is not known yet. */
export type ApprovalState =
  | 'pending'
  | 'claimed'
  | 'approved'
  | 'denied'
  | 'failed'
  | 'expired'
  | 'revoked'

/** A held call as the log tells it. */
export interface LoggedApproval {
  readonly approvalId: string
  /** Index of its `hold`. */
  readonly leaf: number
  readonly principal: string
  readonly sessionId: string
  readonly actionId: string
  readonly leaseJti: string
  readonly callHash: string
  readonly planHash: string
  /** Unix milliseconds. */
  readonly expiresAt: number
  /** Operators that it takes. */
  readonly required: number
  readonly state: ApprovalState
  readonly grantId: string | null
  /** Index of the record that ended it or, while it is claimed, granted it. */
  readonly endLeaf: number | null
  /** Operators who approved, with the index of the first record that says so. */
  readonly votes: ReadonlyMap<string, number>
}

type Approval = { -readonly [Member in keyof LoggedApproval]: LoggedApproval[Member] } & {
  readonly votes: Map<string, number>
}

const NOTHING: readonly string[] = []

/**
 * Follows held calls through the log: one approval, one execution, of exactly what was shown. Needs
 * nothing but the leaves, from the first one on.
 */
export class ApprovalHistory {
  readonly #approvals = new Map<string, Approval>()
  readonly #byGrant = new Map<string, Approval>()
  /** By whose call it is: one of a kind waits at a time. */
  readonly #pending = new Map<string, Approval>()
  /** What the leaf before has granted. */
  #granted: Approval | null = null

  /** All of them, in the order of their holds. */
  get approvals(): ReadonlyMap<string, LoggedApproval> {
    return this.#approvals
  }

  /** Takes note of a leaf. Returns what is wrong with it; others than those of approvals are ignored. */
  add(index: number, leaf: Leaf): readonly string[] {
    const granted = this.#granted
    this.#granted = null
    const problems = this.#read(index, leaf, granted)
    if (granted === null) return problems
    const { approvalId } = granted
    if (leaf.type === 'intent' && leaf.body['approval_id'] === approvalId) return problems
    // Both are of one commit: what was granted has begun.
    return [...problems, `approval ${approvalId} was granted, and no intent follows`]
  }

  #read(index: number, leaf: Leaf, granted: Approval | null): readonly string[] {
    switch (leaf.type) {
      case 'hold':
        return this.#hold(index, leaf)
      case 'approval':
        return this.#decision(index, leaf)
      case 'intent':
        return this.#intent(leaf.body, granted)
      case 'receipt':
        return this.#receipt(index, leaf.body)
      case 'unknown':
        this.#settle(String(leaf.body['grant_id']), 'failed', index)
        return NOTHING
      case 'revocation':
        this.#revoke(index, leaf)
        return NOTHING
      default:
        return NOTHING
    }
  }

  #hold(index: number, leaf: Leaf): readonly string[] {
    const approval = heldCall(index, leaf.body)
    if (approval === null) return ['the hold does not say what is held']
    const { approvalId } = approval
    if (this.#approvals.has(approvalId)) return [`approval ${approvalId} was held before`]
    const key = callKey(approval)
    const same = this.#pending.get(key)
    this.#approvals.set(approvalId, approval)
    this.#pending.set(key, approval)
    return same === undefined ? NOTHING : [`the same call waits already, as ${same.approvalId}`]
  }

  #decision(index: number, leaf: Leaf): readonly string[] {
    const { approval_id: id, decision, operator, plan_hash: planHash } = leaf.body
    const approval = this.#approvals.get(String(id))
    if (approval === undefined) return [`approval ${String(id)} was never held`]
    const problems: string[] = []
    if (approval.state !== 'pending') problems.push(`the approval is ${approval.state} already`)
    if (planHash !== approval.planHash) problems.push('the decision is on another plan')
    const isOver = !(Date.parse(leaf.time) < approval.expiresAt)
    if (isOver !== (decision === 'expired')) {
      problems.push(isOver ? 'the approval had expired' : 'the approval had not expired yet')
    }
    if (decision === 'granted' || decision === 'vote') {
      if (typeof operator !== 'string') problems.push('the approval does not say whose it is')
      else if (!approval.votes.has(operator)) approval.votes.set(operator, index)
    }
    switch (decision) {
      case 'vote':
        break
      case 'granted':
        if (approval.votes.size < approval.required) {
          problems.push(`${approval.votes.size} of ${approval.required} operators have approved`)
        }
        this.#granted = approval
        this.#end(approval, 'claimed', index)
        break
      case 'denied':
      case 'failed':
      case 'expired':
        this.#end(approval, decision, index)
        break
      default:
        problems.push(`unknown decision '${String(decision)}'`)
    }
    return problems
  }

  #intent(body: JsonObject, granted: Approval | null): readonly string[] {
    const { approval_id: id, grant_id: grantId } = body
    if (id === undefined || id === null) return NOTHING
    const approval = this.#approvals.get(String(id))
    if (approval === undefined) return [`approval ${String(id)} was never held`]
    const problems: string[] = []
    if (granted !== approval) {
      problems.push(`approval ${String(id)} was not granted for this intent`)
    }
    if (body['plan_hash'] !== approval.planHash) problems.push('the intent is of another plan')
    const isSameCall =
      body['principal'] === approval.principal &&
      body['session_id'] === approval.sessionId &&
      body['action_id'] === approval.actionId
    if (!isSameCall) problems.push('the intent is of another call than was held')
    if (approval.grantId !== null) {
      problems.push(`approval ${String(id)} began before, as ${approval.grantId}`)
    } else if (typeof grantId === 'string') {
      approval.grantId = grantId
      this.#byGrant.set(grantId, approval)
    }
    return problems
  }

  #receipt(index: number, body: JsonObject): readonly string[] {
    const { grant_id: grantId, approval: said, normalized_result: result } = body
    const approval = this.#byGrant.get(String(grantId))
    const isSuccess = member(result, 'kind') === 'success'
    this.#settle(String(grantId), isSuccess ? 'approved' : 'failed', index)
    if (approval === undefined) {
      const isUnapproved = said === undefined || said === null
      return isUnapproved ? NOTHING : ['the receipt names an approval that its intent does not']
    }
    const isSame =
      member(said, 'approval_id') === approval.approvalId &&
      member(said, 'plan_hash') === approval.planHash
    return isSame ? NOTHING : ['the receipt does not name the approval and the plan of its intent']
  }

  #settle(grantId: string, state: 'approved' | 'failed', index: number): void {
    const approval = this.#byGrant.get(grantId)
    if (approval === undefined) return
    approval.state = state
    approval.endLeaf = index
  }

  // One whose time is over has ended already, whether that is on record or not.
  #revoke(index: number, { body, time }: Leaf): void {
    const { kind, value } = body
    const at = Date.parse(time)
    for (const approval of [...this.#pending.values()]) {
      const reached =
        kind === 'all' ||
        (kind === 'principal' && value === approval.principal) ||
        (kind === 'session' && value === approval.sessionId) ||
        (kind === 'lease' && value === approval.leaseJti)
      if (reached && at < approval.expiresAt) this.#end(approval, 'revoked', index)
    }
  }

  #end(approval: Approval, state: ApprovalState, index: number): void {
    approval.state = state
    approval.endLeaf = index
    const key = callKey(approval)
    if (this.#pending.get(key) === approval) this.#pending.delete(key)
  }
}

function heldCall(leaf: number, body: JsonObject): Approval | null {
  const { approval_id: approvalId, principal, session_id: sessionId, action_id: actionId } = body
  const { lease_jti: leaseJti, call_hash: callHash, plan_hash: planHash, required } = body
  const expiresAt = Date.parse(String(body['expires_at']))
  const texts = [approvalId, principal, sessionId, actionId, leaseJti, callHash, planHash]
  if (!texts.every((text) => typeof text === 'string')) return null
  if (typeof required !== 'number' || Number.isNaN(expiresAt)) return null
  return {
    approvalId: String(approvalId),
    leaf,
    principal: String(principal),
    sessionId: String(sessionId),
    actionId: String(actionId),
    leaseJti: String(leaseJti),
    callHash: String(callHash),
    planHash: String(planHash),
    expiresAt,
    required,
    state: 'pending',
    grantId: null,
    endLeaf: null,
    votes: new Map(),
  }
}

function callKey({ principal, callHash }: LoggedApproval): string {
  return JSON.stringify([principal, callHash])
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return (value as JsonObject)[name]
}
