import type { DPoPKeyPair } from '@latchgate/protocol/node'
import type { Dispatcher } from 'undici'
import { callAction } from './action-calls.js'
import type { ActionResult } from './action-result.js'
import { type ActionSummary, actionSummaries } from './action-summary.js'
import { answerError, notFound } from './answer-error.js'
import {
  type ApprovalEntry,
  type ApprovalQuery,
  approvalEntries,
  approvalListPath,
} from './approval-entry.js'
import { type ApprovalStatus, approvalStatus } from './approval-status.js'
import { type WaitOptions, waitForApproval } from './approval-wait.js'
import { CallMemory } from './call-memory.js'
import {
  type CallOptions,
  type ClientOptions,
  type ConnectOptions,
  keyOf,
  leaseWish,
  type Timeouts,
  timeoutsOf,
} from './client-options.js'
import { type EgressProfile, egressProfileFromJson } from './egress-profile.js'
import { type ExecutionReceipt, executionReceiptFromJson } from './execution-receipt.js'
import { resolveGateAddress } from './gate-address.js'
import {
  type AnswerContext,
  type GateAnswer,
  isSuccess,
  type Members,
  successBody,
} from './gate-answer.js'
import { GateChannel } from './gate-channel.js'
import { checkIdentifier } from './identifier.js'
import { IdentityTokens } from './identity-token.js'
import { LeaseKeeper } from './lease-keeper.js'
import { LeasedChannel } from './leased-channel.js'
import { type PermittedAction, permittedActions } from './permitted-action.js'
import { type ReceiptKey, receiptKeys } from './receipt-keys.js'
import { type ReceiptReport, reportReceipt } from './receipt-report.js'
import type { SequenceFinding } from './session-sequence.js'

/**
 * A client of one gate for one agent (spec/http-api 15). It connects when it is first used, renews
 * its lease by itself and repeats a request by itself only where the gate has not looked at it: it
 * did not know the lease, or refused the proof while its clock shows another time.
 *
 * Every method that asks the gate throws {@link LatchGateTransportError} when there is no usable
 * answer in time, {@link LatchGateAuthError} when the gate does not accept who asks,
 * {@link LatchGateUnavailable} when it cannot answer now, and {@link LatchGateNotConnected} when there
 * is neither a lease nor an agent id. What a method throws beyond that is said with it.
 */
export class LatchGateClient {
  readonly #channel: GateChannel
  readonly #leases: LeaseKeeper
  readonly #leased: LeasedChannel
  readonly #memory = new CallMemory()
  readonly #timeouts: Timeouts
  readonly #key: DPoPKeyPair | null
  readonly #closing = new AbortController()
  #permitted: { readonly etag: string; readonly actions: readonly PermittedAction[] } | null = null
  #agentId: string | null

  /**
   * Sends nothing and opens nothing. Throws `TypeError` or `RangeError` for an option that cannot be
   * used: no URL, a time limit of zero, a key file that others can read.
   */
  constructor(options: ClientOptions = {}) {
    const { dispatcher, baseUrl, publicBaseUrl } = options
    const socket = dispatcher === undefined ? options.socket : undefined
    const address = resolveGateAddress({ socket, baseUrl, publicBaseUrl }, process.env)
    this.#channel = new GateChannel(address, dispatcher)
    this.#timeouts = timeoutsOf(options.timeoutMs)
    this.#key = keyOf(options)
    this.#agentId = options.agentId ?? null
    const wish = leaseWish({}, this.#agentId, this.#key)
    const tokens = new IdentityTokens(options.identityToken)
    const timeoutMs = this.#timeouts.request
    this.#leases = new LeaseKeeper({ channel: this.#channel, tokens, timeoutMs }, wish)
    this.#leased = new LeasedChannel(this.#channel, this.#leases)
  }

  /** The base URL that proofs name: `publicBaseUrl`, else the URL the gate is reached at. */
  get gateUrl(): string {
    return this.#channel.address.publicBaseUrl
  }

  /** The transport, for requests of your own to the gate. */
  get httpDispatcher(): Dispatcher {
    return this.#channel.dispatcher
  }

  /** Id of the session at the gate; null before the first lease. */
  get sessionId(): string | null {
    return this.#leases.lease?.sessionId ?? null
  }

  /** Id of the lease in use; null before the first one. */
  get leaseJti(): string | null {
    return this.#leases.lease?.jti ?? null
  }

  /** What is wrong with the numbers of this client's calls so far; empty: nothing. */
  get sequenceFindings(): readonly SequenceFinding[] {
    return this.#memory.findings
  }

  /**
   * Opens a session, a new one each time; a failure leaves the one that was there. Not needed when the
   * client has an agent id. Throws {@link LatchGateDenied} for scopes that this principal may not have.
   */
  async connect(options: ConnectOptions = {}): Promise<void> {
    const wish = leaseWish(options, this.#agentId, this.#key)
    await this.#leases.connect(wish)
    this.#agentId = wish.agentId
  }

  /**
   * Executes an action and returns its result once the receipt is durable. `params` are what the
   * action's request schema asks for (see {@link listPermittedActions}).
   *
   * Throws {@link LatchGateApprovalRequired} when the call is held, {@link LatchGateDenied} when policy
   * or the schema refuses it, {@link LatchGateBudgetExhausted} when the session has no call left, and
   * {@link LatchGateUnavailable} with `outcome` and `receiptId` when it was sent and did not end well.
   */
  async execute(
    actionId: string,
    params: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<ActionResult> {
    checkIdentifier('actionId', actionId)
    const parts = {
      leased: this.#leased,
      leases: this.#leases,
      memory: this.#memory,
      timeoutMs: this.#timeouts.execute,
    }
    return callAction(parts, actionId, params, options.signal)
  }

  /** Reads a receipt of this principal. Throws {@link LatchGateDenied} for one of others, or none. */
  async getReceipt(receiptId: string): Promise<ExecutionReceipt> {
    checkIdentifier('receiptId', receiptId)
    const body = await this.#read(`/v1/receipts/${receiptId}`, 'receipt', {
      actionId: '<receipt>',
      missing: `receipt '${receiptId}' not found`,
    })
    return executionReceiptFromJson(body)
  }

  /**
   * Waits for an operator's decision on a held call and, once it was approved and executed, for its
   * result, as `execute` would have returned it. Only asks: it never executes anything again, survives
   * a gate that is away for a while, and can be repeated with the same id.
   *
   * Throws {@link LatchGateApprovalDenied}, {@link LatchGateApprovalExpired}, {@link LatchGateDenied}
   * (unknown, revoked, or refused after the approval), {@link LatchGateUnavailable} with `receiptId`
   * (approved, and failed), {@link LatchGateApprovalTimeout} (still held), and
   * {@link LatchGateTransportError} when `signal` or {@link close} ends the wait.
   */
  async waitForApproval(approvalId: string, options: WaitOptions = {}): Promise<ActionResult> {
    checkIdentifier('approvalId', approvalId)
    const signals = [
      this.#closing.signal,
      ...(options.signal === undefined ? [] : [options.signal]),
    ]
    return waitForApproval(
      (path, timeoutMs, signal) => this.#leased.send({ method: 'GET', path, signal }, timeoutMs),
      approvalId,
      { ...options, signal: AbortSignal.any(signals) },
    )
  }

  /** The held calls of this principal, of all its sessions, newest first. */
  async listApprovals(query: ApprovalQuery = {}): Promise<readonly ApprovalEntry[]> {
    const request = { method: 'GET', path: approvalListPath(query) } as const
    const answer = await this.#leased.send(request, this.#timeouts.request)
    if (!isSuccess(answer)) throw answerError(answer, '<approvals>')
    return approvalEntries(answer)
  }

  /** Asks once what became of a held call. Throws {@link LatchGateDenied} for an unknown one. */
  async getApprovalStatus(approvalId: string): Promise<ApprovalStatus> {
    checkIdentifier('approvalId', approvalId)
    const body = await this.#read(`/v1/approvals/${approvalId}/poll`, 'approval poll', {
      actionId: '<approval>',
      missing: `approval '${approvalId}' not found`,
    })
    return approvalStatus(body, approvalId)
  }

  /** What an action may reach. Throws {@link LatchGateDenied} for an unknown one. */
  async getActionEgress(actionId: string): Promise<EgressProfile> {
    checkIdentifier('actionId', actionId)
    const body = await this.#read(`/v1/actions/${actionId}`, 'action egress', {
      actionId,
      missing: `action '${actionId}' not found`,
    })
    return egressProfileFromJson(body['egress'])
  }

  /** The gate's catalogue, by id. Needs no lease; what it lists may still be denied. */
  async listActions(): Promise<readonly ActionSummary[]> {
    return actionSummaries(await this.#readPublic('/v1/actions', '<actions>'))
  }

  /**
   * The actions that policy does not refuse this agent, with their schemas, in one answer. As long as
   * the gate says that nothing has changed it is the same array again.
   */
  async listPermittedActions(): Promise<readonly PermittedAction[]> {
    const known = this.#permitted
    const path = '/v1/permitted-actions'
    const request = { method: 'GET', path, ifNoneMatch: known?.etag } as const
    const answer = await this.#leased.send(request, this.#timeouts.request)
    if (answer.status === 304 && known !== null) return known.actions
    if (!isSuccess(answer)) throw answerError(answer, '<permitted-actions>')
    const actions = permittedActions(answer)
    const { etag } = answer
    this.#permitted = etag === null ? null : { etag, actions }
    return actions
  }

  /** The keys that the gate signs receipts with, former ones included. Needs no lease. */
  async getReceiptKeys(): Promise<readonly ReceiptKey[]> {
    return receiptKeys(await this.#readPublic('/v1/receipt-keys', '<receipt-keys>'))
  }

  /**
   * Checks a receipt here and not at the gate: signature, `result_hash`, whether it is about the
   * call that this client made, and whether the numbers of the session grow without a gap. Give
   * `keys` that you have from elsewhere; without them the gate is asked, and the report says so.
   * Throws {@link LatchGateDenied} for an id that is not found, and `TypeError` for keys that are none.
   */
  async verifyReceipt(
    receipt: string | ExecutionReceipt,
    options: { readonly keys?: readonly ReceiptKey[] | undefined } = {},
  ): Promise<ReceiptReport> {
    const subject = typeof receipt === 'string' ? await this.getReceipt(receipt) : receipt
    const { keys } = options
    const source =
      keys === undefined
        ? ({ source: 'fetched', list: await this.getReceiptKeys() } as const)
        : ({ source: 'given', list: keys } as const)
    return reportReceipt(subject, source, this.#memory)
  }

  /**
   * Ends waits for approvals, waits for other requests under way and forgets the lease. The client
   * cannot be used afterwards.
   */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the client was closed'))
    this.#leases.forget()
    await this.#channel.close()
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #read(
    path: string,
    context: AnswerContext,
    subject: { readonly actionId: string; readonly missing: string },
  ): Promise<Members> {
    const answer = await this.#leased.send({ method: 'GET', path }, this.#timeouts.request)
    if (answer.status === 404) throw notFound(answer, subject.actionId, subject.missing)
    if (!isSuccess(answer)) throw answerError(answer, subject.actionId)
    return successBody(answer, context)
  }

  async #readPublic(path: string, subject: string): Promise<GateAnswer> {
    const timeoutMs = this.#timeouts.request
    const answer = await this.#channel.send({ method: 'GET', path, agentLabel: null, timeoutMs })
    if (!isSuccess(answer)) throw answerError(answer, subject)
    return answer
  }
}
