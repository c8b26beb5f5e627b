import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { ApprovalDetail, JsonObject } from '@latchgate/protocol'
import { ProofKeyCache, verifyAttestation, verifyDpopProof } from '@latchgate/protocol/node'

/** A request as the double saw it, its credentials and its attestation found to be good. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly body: JsonObject | null
}

/** An answer that a test has prepared. */
export interface PreparedAnswer {
  readonly status: number
  readonly json: object
}

/** What the operator of the configuration proves himself with. */
export interface KnownOperator {
  readonly apiKey: string
  readonly jkt: string
  readonly publicBaseUrl: string
  readonly log: string
}

/** Stands for the operators' side of a gate: holds calls, checks proofs and attestations in full. */
export class ApprovalsDouble {
  readonly seen: SeenRequest[] = []
  readonly held: Map<string, ApprovalDetail> = new Map()
  /** What the next decisions, revocations and drains answer, in their order. */
  readonly prepared: (PreparedAnswer | 'hang')[] = []
  /** Answers to everything while set. */
  failing: PreparedAnswer | null = null
  readonly #socketPath: string
  readonly #operator: KnownOperator
  readonly #keys = new ProofKeyCache()
  readonly #usedJtis = new Set<string>()
  #server: Server | null = null

  constructor(socketPath: string, operator: KnownOperator) {
    this.#socketPath = socketPath
    this.#operator = operator
  }

  async start(): Promise<void> {
    rmSync(this.#socketPath, { force: true })
    const server = createServer((request, response) => {
      void this.#answer(request)
        .catch((error: unknown) => ({ status: 599, json: { error: String(error) } }))
        .then((answer) => {
          if (answer === 'hang') return
          response.writeHead(answer.status, { 'content-type': 'application/json' })
          response.end(JSON.stringify(answer.json))
        })
    })
    await new Promise<void>((resolve) => server.listen(this.#socketPath, resolve))
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  hold(detail: ApprovalDetail): ApprovalDetail {
    this.held.set(detail.approval_id, detail)
    return detail
  }

  /** Bodies of the requests to this path. */
  bodies(method: string, path: string): readonly (JsonObject | null)[] {
    return this.seen
      .filter((one) => one.method === method && one.url.split('?')[0] === path)
      .map(({ body }) => body)
  }

  async #answer(incoming: IncomingMessage): Promise<PreparedAnswer | 'hang'> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const { method = '', url = '' } = incoming
    const path = url.split('?')[0] ?? ''
    const refused = this.#authenticate(incoming, method, path)
    if (refused !== null) return refusal(401, refused)
    const isJson = incoming.headers['content-type'] === 'application/json'
    const body = text === '' ? null : (JSON.parse(text) as JsonObject)
    if ((body !== null) !== isJson) return refusal(415, 'unsupported_media_type')
    this.seen.push({ method, url, body })
    if (this.failing !== null) return this.failing
    return this.#route(method, new URL(url, 'http://gate'), body)
  }

  #route(method: string, url: URL, body: JsonObject | null): PreparedAnswer | 'hang' {
    const [, , , id, verb] = url.pathname.split('/')
    if (url.pathname === '/v1/approvals') return { status: 200, json: this.#list(url) }
    if (method === 'GET') {
      const detail = this.held.get(id ?? '')
      return detail === undefined
        ? refusal(404, 'approval_not_found')
        : { status: 200, json: detail }
    }
    if (verb !== 'approve' && verb !== 'deny')
      return this.prepared.shift() ?? refusal(404, 'not_found')
    const detail = this.held.get(id ?? '')
    if (detail === undefined) return refusal(404, 'approval_not_found')
    if (body?.['plan_hash'] !== detail.plan_hash) return refusal(409, 'plan_hash_mismatch')
    const attested = verifyAttestation(String(body['attestation']), {
      audience: this.#operator.log,
      approvalId: detail.approval_id,
      planHash: detail.plan_hash,
      decision: verb,
      jkt: this.#operator.jkt,
      nowSeconds: Math.floor(Date.now() / 1000),
    })
    if (!attested.ok) return refusal(400, 'attestation_invalid', attested.error.reason)
    const { learn, reason } = attested.value
    const sent = { learn: body['learn'] ?? null, reason: body['reason'] ?? null }
    if (JSON.stringify({ learn, reason }) !== JSON.stringify(sent)) {
      return refusal(409, 'attestation_mismatch')
    }
    const prepared = this.prepared.shift()
    if (prepared !== undefined) return prepared
    this.held.set(detail.approval_id, {
      ...detail,
      status: verb === 'approve' ? 'approved' : 'denied',
    })
    return { status: 200, json: verb === 'approve' ? executed(detail) : denied(detail, reason) }
  }

  #list(url: URL): object {
    const status = url.searchParams.get('status')
    const limit = Number(url.searchParams.get('limit') ?? 50)
    const approvals = [...this.held.values()]
      .filter((one) => status === null || one.status === status)
      .toReversed()
      .slice(0, limit)
    return { approvals, count: approvals.length }
  }

  #authenticate(incoming: IncomingMessage, method: string, path: string): string | null {
    const { authorization, dpop } = incoming.headers
    if (authorization !== `DPoP ${this.#operator.apiKey}`) return 'unauthorized'
    const verdict = verifyDpopProof(
      String(dpop),
      {
        method,
        urls: [`${this.#operator.publicBaseUrl}${path}`],
        token: this.#operator.apiKey,
        jkt: this.#operator.jkt,
        nowSeconds: Math.floor(Date.now() / 1000),
      },
      this.#keys,
    )
    if (!verdict.ok) return 'invalid_dpop'
    if (this.#usedJtis.has(verdict.jti)) return 'replay_detected'
    this.#usedJtis.add(verdict.jti)
    return null
  }
}

/** An error body. */
export function refusal(status: number, code: string, message = 'No.'): PreparedAnswer {
  return { status, json: { error: code, message, trace_id: 't' } }
}

/** A 200 of approve. */
export function executed(detail: ApprovalDetail, more: object = {}): object {
  return {
    decision: 'executed',
    trace_id: 'trace-1',
    action_id: detail.action_id,
    grant_id: 'grant-1',
    receipt_id: 'receipt-1',
    output: { ok: true },
    verification_outcome: 'verified',
    verification: { outcome: 'verified', is_fully_successful: true },
    runtime: { duration_ms: 3, exit_code: 0, fuel_consumed: 10 },
    approval: {
      decision: 'allow',
      approval_id: detail.approval_id,
      approved_by: 'operator',
      approval_hash: '00',
      operator_authn_method: 'operator_dpop',
      operator_sender_binding: 'jkt',
    },
    ...more,
  }
}

function denied(detail: ApprovalDetail, reason: string | null): object {
  return {
    decision: 'deny',
    trace_id: 'trace-1',
    action_id: detail.action_id,
    approval_id: detail.approval_id,
    denied_by: 'operator',
    deny_reason: reason ?? 'operator_denied',
  }
}
