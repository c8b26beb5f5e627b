import type { Target } from '@latchgate/catalogue'
import type { Effect } from '@latchgate/evidence'
import type {
  EffectOutcome,
  ExecutionErrorType,
  JsonObject,
  VerificationOutcome,
} from '@latchgate/protocol'
import type { AgentContext } from '../auth/agent.js'
import type { CredentialHeaders } from '../auth/credentials.js'
import type { Peer } from '../auth/identity.js'
import type { OperatorContext } from '../auth/operator.js'
import type { Intended, LeafDraft, LearnEntry, ProofUse } from '../ledger/port.js'
import type { Decision, PolicyGrant } from '../policy/engine.js'
import type { Refusal } from '../refusal.js'
import type { RegisteredAction } from '../registered-action.js'
import type { Secret } from '../secrets/port.js'

/** A call as it reaches the gate: nothing in it is trusted. */
export interface Arrival {
  readonly traceId: string
  /** Unix milliseconds. */
  readonly receivedAt: number
  readonly peer: Peer
  readonly actionId: string
  readonly headers: CredentialHeaders
  /** `X-LatchGate-Agent`: a label, never an identity; null when absent or not visible ASCII. */
  readonly agentLabel: string | null
  /** `Content-Length` as declared, or null. */
  readonly declaredBytes: number | null
  /** Reads the body up to the transport's limit; a `Refusal` when it is larger. */
  readonly readBody: () => Promise<Uint8Array | Refusal>
}

/** Not draining, not too large, the peer's rate not used up. */
export type Admitted = Arrival & {
  /** Given back once the call is authenticated. */
  readonly peerToken: { readonly giveBack: () => Promise<void> }
}

/** The lease is good and its key signed this very request. */
export type Authenticated = Admitted & { readonly agent: AgentContext }

/** Whose call it is and of what, without the connection that it came by. */
export type Known = Pick<Arrival, 'traceId' | 'receivedAt' | 'actionId' | 'agentLabel'> & {
  readonly agent: AgentContext
}

/** The action exists and its module is the one it names. */
export type Resolved = Authenticated & { readonly registered: RegisteredAction }

/** The body was parsed strictly and fits the request schema. */
export type Validated = Known & {
  readonly registered: RegisteredAction
  /** As sent: what `requestHash` is of. */
  readonly sent: JsonObject
  /** What was sent without the nulls that can only mean "not given". */
  readonly params: JsonObject
  /** With the schema's defaults. */
  readonly arguments: JsonObject
  readonly argumentBytes: Uint8Array
  readonly requestHash: string
  readonly argumentsHash: string
}

/** The template was resolved, once: this request and no other may leave. */
export type Targeted = Validated & { readonly target: Target }

/** What the lease may still do is known. */
export type Budgeted = Targeted & {
  /** Calls left before this one; null without a limit. */
  readonly callsBefore: number | null
}

/** Policy wants a human to look at it; nothing else stands against it. */
export type Held = Budgeted & {
  readonly decision: Extract<Decision, { kind: 'hold' }>
  /** Names of the secrets that it would get. */
  readonly secretNames: readonly string[]
  /** Hosts that it may reach once it is approved. */
  readonly allow: readonly string[]
}

/** The operators' decision that a call was approved by. */
export interface Approved {
  readonly approvalId: string
  readonly planHash: string
  /** The operator whose decision was the last that it took. */
  readonly operator: OperatorContext
  /** His proof; null where an earlier commit has used it up. */
  readonly proof: ProofUse | null
  /** Every decision, as the receipt tells it. */
  readonly decisions: readonly JsonObject[]
  /** The record of the last one. */
  readonly leaf: LeafDraft
  readonly learn: readonly LearnEntry[]
}

/** Policy allowed it, and everything it needs is at hand. */
export type Authorized = Budgeted & {
  readonly decision: PolicyGrant
  readonly secrets: ReadonlyMap<string, Secret>
  /** Hosts that this call may reach. */
  readonly allow: readonly string[]
  /** Revision of the policy that allowed it: see `policyRevision`. */
  readonly policyRevision: string
  /** Null for a call that needed no approval. */
  readonly approval: Approved | null
}

/** True for a call that waits for a human. */
export function isHeld(call: Authorized | Held): call is Held {
  return !('approval' in call)
}

/** The intent is durable: from here on the call runs to its receipt. */
export type Intending = Authorized & {
  readonly grantId: string
  readonly intent: Intended
  /** Unix milliseconds; the same instant stands in intent and receipt. */
  readonly startedAt: number
  /** Unix milliseconds after which nothing may be dispatched. */
  readonly dispatchNotAfter: number
}

/** Why an execution has no usable result. */
export interface ExecutionFailure {
  readonly type: ExecutionErrorType
  readonly message: string
}

/** The execution ended, one way or another. */
export type Dispatched = Intending & {
  readonly run: {
    /** The provider's document, or null when it returned none. */
    readonly output: JsonObject | null
    /** Why there is no usable result; null when there is. */
    readonly failure: ExecutionFailure | null
    readonly effects: readonly Effect[]
    /** Status and decoded, scrubbed body as the host saw them. */
    readonly observed: { readonly status: number | null; readonly body: Uint8Array | null }
    readonly contentType: string | null
    readonly fuelConsumed: number
    readonly ioCalls: number
    readonly durationMs: number
  }
}

/** The result was checked against the response schema and the effect verified. */
export type Verified = Dispatched & {
  readonly outcome: EffectOutcome
  readonly verification: VerificationOutcome
  readonly output: JsonObject | null
  readonly failure: ExecutionFailure | null
}

/** The receipt and the decision are durable. */
export type Sealed = Verified & {
  readonly receiptId: string
  readonly finishedAt: number
  readonly log: { readonly index: number; readonly size: number }
}

/** An answer ready to be written. */
export interface Answer {
  readonly status: number
  readonly body: JsonObject
  readonly headers: Readonly<Record<string, string>>
}
