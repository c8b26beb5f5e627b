import { signAttestation, uuidv4 } from '@latchgate/protocol/node'
import { Client } from 'undici'
import type { OperatorOptions } from './operator-options.js'

/** What the gate answered. */
export interface OperatorAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** The plan that is denied: the one that the gate showed. */
export interface SeenPlan {
  readonly approvalId: string
  readonly planHash: string
  /** Name of the gate's log. */
  readonly log: string
}

const TIMEOUT_MS = 15_000
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/**
 * The four things this session may ask of a gate. There is no function that approves: whoever
 * talks the model of this session into something cannot reach one (spec 7).
 */
export interface OperatorGate {
  list(limit: number): Promise<OperatorAnswer>
  show(approvalId: string): Promise<OperatorAnswer>
  /** The newest audit events, or those of one trace. */
  events(query: { readonly limit: number; readonly traceId?: string }): Promise<OperatorAnswer>
  /** Denies exactly that plan, with the operator's signature. */
  deny(seen: SeenPlan, reason: string | null): Promise<OperatorAnswer>
  close(): Promise<void>
}

/** A gate's admin socket, with an operator's credential. Rejects with an `Error` that says what to do. */
export function openOperatorGate(options: OperatorOptions): OperatorGate {
  const client = new Client('http://localhost', {
    socketPath: options.adminSocket,
    maxResponseSize: MAX_ANSWER_BYTES,
  })
  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    more: { readonly query?: string; readonly body?: object } = {},
  ): Promise<OperatorAnswer> => {
    const url = `${options.publicBaseUrl}${path}`
    const dpop = options.key.signProof({ method, url, accessToken: options.token })
    try {
      const response = await client.request({
        method,
        path: `${path}${more.query ?? ''}`,
        headers: {
          authorization: `DPoP ${options.token}`,
          dpop,
          ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
        // Of its own and not undici's timers: it also covers connecting and the body.
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return { status: response.statusCode, body: members(await response.body.json()) }
    } catch (cause) {
      throw unreachable(options.adminSocket, cause)
    }
  }
  return {
    list: (limit) => ask('GET', '/v1/approvals', { query: `?status=pending&limit=${limit}` }),
    show: (approvalId) => ask('GET', `/v1/approvals/${approvalId}`),
    events: ({ limit, traceId }) => {
      const trace = traceId === undefined ? '' : `&trace_id=${encodeURIComponent(traceId)}`
      return ask('GET', '/v1/audit/events', { query: `?limit=${limit}${trace}` })
    },
    deny: (seen, reason) => {
      const { approvalId, planHash } = seen
      const attestation = attest(options, seen, reason)
      const body = { plan_hash: planHash, attestation, ...(reason === null ? {} : { reason }) }
      return ask('POST', `/v1/approvals/${approvalId}/deny`, { body })
    },
    close: () => client.destroy(),
  }
}

function attest({ key }: OperatorOptions, seen: SeenPlan, reason: string | null): string {
  const { log, approvalId, planHash } = seen
  return signAttestation(
    {
      aud: log,
      approval_id: approvalId,
      plan_hash: planHash,
      decision: 'deny',
      reason,
      learn: null,
      iat: Math.floor(Date.now() / 1000),
      jti: uuidv4(),
    },
    key,
  )
}

function members(json: unknown): OperatorAnswer['body'] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new TypeError('its answer is no JSON object')
  }
  return json as OperatorAnswer['body']
}

// What an answer held is not repeated: a parser's complaint would quote it.
function unreachable(socket: string, cause: unknown): Error {
  const { code, name, message } = cause as NodeJS.ErrnoException
  const why = name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1000} s` : (code ?? name)
  const said = cause instanceof TypeError ? message : why
  return new Error(
    `no use of the gate at ${socket} (${said}): see with 'latchgate status' whether it runs, and ` +
      'whether this is its admin socket',
    { cause },
  )
}
