import type { LeaseClaims } from '@latchgate/protocol'
import type { Ed25519Signer, LeaseKey, LruCache, ProofKeyCache } from '@latchgate/protocol/node'
import type { Sandbox } from '@latchgate/sandbox'
import type { Logger } from 'pino'
import type { ActionCatalogue } from './action-catalogue.js'
import type { ApprovalSignals } from './approvals/approval-signals.js'
import type { LearnedRules } from './approvals/learned-rules.js'
import type { AgentKeys } from './auth/agent-keys.js'
import type { RegisteredReceiptKey } from './auth/receipt-key-registry.js'
import type { Revocations } from './auth/revocations.js'
import type { TokenIssuers } from './auth/token-issuers.js'
import type { GateConfig } from './config/schema.js'
import type { Egress } from './egress/port.js'
import type { Ledger } from './ledger/port.js'
import type { ExecutionSlots } from './pipeline/slots.js'
import type { UnauthenticatedSummary } from './pipeline/unauthenticated-summary.js'
import type { PolicyEngine } from './policy/engine.js'
import type { PolicyStore } from './policy/policy-store.js'
import type { ActionSnapshot } from './registered-action.js'
import type { SecretSource } from './secrets/port.js'
import type { SearchTurns } from './secrets/search-turns.js'
import type { State } from './state/port.js'

/** What the stages and routes of one running gate use. Built once by `startGate`. */
export interface Services {
  readonly config: GateConfig
  /** Version of the product, as `GET /v1/admin/status` shows it. */
  readonly version: string
  /** Identifies this run of the gate in every leaf. */
  readonly gateId: string
  /** Any posture flag is set. */
  readonly devMode: boolean
  readonly startedAt: number
  /** Unix milliseconds. */
  readonly now: () => number
  readonly log: Logger
  readonly actions: () => ActionSnapshot
  /** Where the actions come from. */
  readonly catalogue: ActionCatalogue
  readonly ledger: Ledger
  readonly state: State
  readonly policy: PolicyEngine
  /** The data that policy decides on, and its file. */
  readonly policyStore: PolicyStore
  readonly secrets: SecretSource
  readonly egress: Egress
  readonly sandbox: Sandbox
  /** For the search of responses, of all calls together. */
  readonly searchTurns: SearchTurns
  readonly slots: ExecutionSlots
  readonly summary: UnauthenticatedSummary
  readonly receiptSigner: Ed25519Signer
  readonly receiptKeys: readonly RegisteredReceiptKey[]
  readonly leaseKey: LeaseKey
  readonly leaseKeys: ReadonlyMap<string, LeaseKey>
  /** Registered agents; a reload replaces them. */
  readonly agentKeys: AgentKeys
  /** Issuers of tokens; a reload replaces them. */
  readonly tokenIssuers: TokenIssuers
  /** The configuration as its file has it now, for a reload. Throws for one that cannot be used. */
  readonly rereadConfig: () => GateConfig
  readonly proofKeys: ProofKeyCache
  /** Verified claims by the digest of their token; expiry is checked on every use. */
  readonly leases: LruCache<LeaseClaims>
  readonly drain: DrainState
  readonly revocations: Revocations
  readonly learned: LearnedRules
  readonly approvalSignals: ApprovalSignals
}

/** While it is active no call is begun: an operator asked for it, or the gate closes. */
export interface DrainState {
  active: boolean
  /** For good: nobody can take it back. */
  closing: boolean
  /** How many times an operator has asked for it. */
  acts: number
}
