import type { Dispatcher } from 'undici'
import {
  type Answer,
  type AnswerContext,
  errorOf,
  successBody,
  textMember,
} from './error-mapping.js'
import {
  LatchGateApprovalRequired,
  LatchGateDenied,
  LatchGateNotConnected,
  LatchGateTransportError,
} from './errors.js'
import { checkIdentifier } from './identifier.js'
import { ProofKey } from './proof.js'
import {
  type ActionResult,
  type ApprovalStatus,
  actionResult,
  approvalStatus,
  type EgressProfile,
  type ExecutionReceipt,
  egressProfileFromJson,
  executionReceipt,
} from './results.js'
import { resolveTransport, send, type Transport } from './transport.js'

const RENEW_UNDER_MS = 60_000
const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_SCOPES = ['tools:call']

/** Options of the 0.2.0 client (spec/http-api 15.1). */
export interface ClientOptions {
  readonly socket?: string
  readonly baseUrl?: string
  readonly publicBaseUrl?: string
  readonly agentId?: string
  readonly timeoutMs?: number
  readonly dispatcher?: Dispatcher
}

/** What a lease is asked for. */
export interface ConnectOptions {
  readonly agentId?: string
  readonly scopes?: readonly string[]
  readonly maxCalls?: number
  readonly maxCostUsdCents?: number
}

interface Lease {
  readonly token: string
  readonly key: ProofKey
  readonly expiresAt: number
  readonly sessionId: string | null
  readonly jti: string | null
}

/**
 * The published 0.2.0 client as spec/http-api 15 describes it, quirks included: `LATCHGATE_URL`
 * wins over `socket`, every connect makes a key, renewal forgets scopes and budgets, a 401 is not
 * retried, redirects are followed. Tests use it as an oracle for what that client meets.
 */
export class LatchGateClient {
  readonly #transport: Transport
  readonly #publicBaseUrl: string
  readonly #timeoutMs: number
  #agentId: string | undefined
  #lease: Lease | null = null
  #connecting: Promise<void> | null = null

  constructor(options: ClientOptions = {}) {
    this.#transport = resolveTransport(options)
    this.#publicBaseUrl = options.publicBaseUrl?.replace(/\/$/, '') ?? this.#transport.baseUrl
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.#agentId = options.agentId
  }

  get gateUrl(): string {
    return this.#publicBaseUrl
  }

  get httpDispatcher(): Dispatcher {
    return this.#transport.dispatcher
  }

  get sessionId(): string | null {
    return this.#lease?.sessionId ?? null
  }

  get leaseJti(): string | null {
    return this.#lease?.jti ?? null
  }

  /** A new key and a new lease, whatever was there before. */
  async connect(options: ConnectOptions = {}): Promise<void> {
    this.#agentId = options.agentId ?? this.#agentId
    const key = new ProofKey()
    const answer = await this.#send('POST', '/v1/leases', {
      body: JSON.stringify({
        scopes: options.scopes ?? DEFAULT_SCOPES,
        dpop_jwk: key.jwk,
        ...budgetsOf(options),
      }),
    })
    if (!isSuccess(answer)) throw errorOf(answer, '<connect>')
    this.#lease = leaseOf(successBody(answer, 'lease'), key)
  }

  /** Executes an action. */
  async execute(
    actionId: string,
    params?: Readonly<Record<string, unknown>>,
  ): Promise<ActionResult> {
    checkIdentifier('actionId', actionId)
    const path = `/v1/actions/${actionId}/execute`
    const answer = await this.#sendWithLease('POST', path, JSON.stringify(params ?? {}))
    if (answer.status === 202) {
      const held = successBody(answer, 'execute (approval)')
      throw new LatchGateApprovalRequired(actionId, textMember(held, 'approval_id') ?? '')
    }
    if (!isSuccess(answer)) throw errorOf(answer, actionId)
    return actionResult(successBody(answer, 'execute'))
  }

  /** Reads a receipt. */
  async getReceipt(receiptId: string): Promise<ExecutionReceipt> {
    checkIdentifier('receiptId', receiptId)
    const missing = new LatchGateDenied('<receipt>', `receipt '${receiptId}' not found`)
    const body = await this.#read(`/v1/receipts/${receiptId}`, '<receipt>', missing, 'receipt')
    return executionReceipt(body)
  }

  /** Polls an approval. */
  async getApprovalStatus(approvalId: string): Promise<ApprovalStatus> {
    checkIdentifier('approvalId', approvalId)
    const missing = new LatchGateDenied('<approval>', `approval '${approvalId}' not found`)
    const path = `/v1/approvals/${approvalId}/poll`
    return approvalStatus(
      await this.#read(path, '<approval>', missing, 'approval poll'),
      approvalId,
    )
  }

  /** The egress profile of an action; sends the lease although the gate does not ask for it. */
  async getActionEgress(actionId: string): Promise<EgressProfile> {
    checkIdentifier('actionId', actionId)
    const missing = new LatchGateDenied(actionId, `action '${actionId}' not found`)
    const body = await this.#read(`/v1/actions/${actionId}`, actionId, missing, 'action egress')
    return egressProfileFromJson(body['egress'])
  }

  async close(): Promise<void> {
    if (this.#transport.ownsDispatcher) await this.#transport.dispatcher.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #read(
    path: string,
    actionId: string,
    missing: LatchGateDenied,
    context: AnswerContext,
  ): Promise<Record<string, unknown>> {
    const answer = await this.#sendWithLease('GET', path)
    if (answer.status === 404) throw missing
    if (!isSuccess(answer)) throw errorOf(answer, actionId)
    return successBody(answer, context)
  }

  async #sendWithLease(method: 'GET' | 'POST', path: string, body?: string): Promise<Answer> {
    const lease = await this.#currentLease()
    return this.#send(method, path, {
      headers: {
        authorization: `DPoP ${lease.token}`,
        dpop: lease.key.sign(method, `${this.#publicBaseUrl}${path}`, lease.token),
      },
      ...(body === undefined ? {} : { body }),
    })
  }

  async #currentLease(): Promise<Lease> {
    if (this.#lease === null && this.#agentId === undefined) throw new LatchGateNotConnected()
    if (this.#lease === null || this.#lease.expiresAt - Date.now() < RENEW_UNDER_MS) {
      // The renewal is a plain connect: what connect() was told earlier is forgotten.
      this.#connecting ??= this.connect().finally(() => {
        this.#connecting = null
      })
      await this.#connecting
    }
    if (this.#lease === null) throw new LatchGateNotConnected()
    return this.#lease
  }

  #send(
    method: 'GET' | 'POST',
    path: string,
    extra: { readonly headers?: Record<string, string>; readonly body?: string },
  ): Promise<Answer> {
    const headers = {
      ...extra.headers,
      ...(extra.body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const url = `${this.#transport.baseUrl}${path}`
    return send(this.#transport, { ...extra, method, url, headers }, this.#timeoutMs)
  }
}

function isSuccess(answer: Answer): boolean {
  return answer.status >= 200 && answer.status < 300
}

function budgetsOf(options: ConnectOptions): { readonly budgets?: Record<string, number> } {
  const { maxCalls, maxCostUsdCents } = options
  if (maxCalls === undefined && maxCostUsdCents === undefined) return {}
  return {
    budgets: {
      ...(maxCalls === undefined ? {} : { max_calls: maxCalls }),
      ...(maxCostUsdCents === undefined ? {} : { max_cost_usd_cents: maxCostUsdCents }),
    },
  }
}

function leaseOf(body: Record<string, unknown>, key: ProofKey): Lease {
  const token = textMember(body, 'lease_jwt')
  const expiresAt = Date.parse(textMember(body, 'expires_at') ?? '')
  if (token === undefined || Number.isNaN(expiresAt)) {
    throw new LatchGateTransportError('lease response lacks lease_jwt or expires_at')
  }
  return {
    token,
    key,
    expiresAt,
    sessionId: textMember(body, 'session_id') ?? null,
    jti: textMember(body, 'lease_jti') ?? null,
  }
}
