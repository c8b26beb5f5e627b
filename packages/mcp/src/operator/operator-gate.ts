import { Client } from 'undici'
import type { OperatorOptions } from './operator-options.js'

/** What the gate answered. */
export interface OperatorAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const TIMEOUT_MS = 15_000

/**
 * The three things this session may ask of a gate. There is no function that approves: whoever
 * talks the model of this session into something cannot reach one (spec 7).
 */
export interface OperatorGate {
  list(limit: number): Promise<OperatorAnswer>
  show(approvalId: string): Promise<OperatorAnswer>
  /** Denies exactly the plan of that hash. */
  deny(approvalId: string, planHash: string, reason: string | null): Promise<OperatorAnswer>
  close(): Promise<void>
}

/** A gate's admin socket, with an operator's credential. */
export function openOperatorGate(options: OperatorOptions): OperatorGate {
  const client = new Client('http://localhost', {
    socketPath: options.adminSocket,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  })
  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    more: { readonly query?: string; readonly body?: object } = {},
  ): Promise<OperatorAnswer> => {
    const url = `${options.publicBaseUrl}${path}`
    const dpop = options.key.signProof({ method, url, accessToken: options.token })
    const response = await client.request({
      method,
      path: `${path}${more.query ?? ''}`,
      headers: {
        authorization: `DPoP ${options.token}`,
        dpop,
        ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
    })
    const body = (await response.body.json()) as OperatorAnswer['body']
    return { status: response.statusCode, body }
  }
  return {
    list: (limit) => ask('GET', '/v1/approvals', { query: `?status=pending&limit=${limit}` }),
    show: (approvalId) => ask('GET', `/v1/approvals/${approvalId}`),
    deny: (approvalId, planHash, reason) =>
      ask('POST', `/v1/approvals/${approvalId}/deny`, {
        body: { plan_hash: planHash, ...(reason === null ? {} : { reason }) },
      }),
    close: () => client.destroy(),
  }
}
