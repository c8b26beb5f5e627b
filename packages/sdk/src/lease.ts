import { DPoPKeyPair } from '@latchgate/protocol/node'
import { answerError } from './answer-error.js'
import { LatchGateTransportError } from './errors.js'
import {
  type GateAnswer,
  isSuccess,
  optionalText,
  requiredText,
  successBody,
} from './gate-answer.js'
import type { GateChannel } from './gate-channel.js'

/** A lease in use: the token, the key it is bound to, and when to renew it. */
export interface Lease {
  readonly token: string
  readonly key: DPoPKeyPair
  readonly agentLabel: string | null
  readonly sessionId: string | null
  readonly jti: string | null
  /** Unix milliseconds from which the next call renews it first. */
  readonly renewAt: number
}

/** What a lease is asked for. */
export interface LeaseWish {
  readonly scopes: readonly string[]
  readonly maxCalls: number | null
  readonly maxCostUsdCents: number | null
  readonly agentId: string | null
  /** A registered key; null: the client makes one for each session. */
  readonly key: DPoPKeyPair | null
}

const RENEW_UNDER_MS = 60_000
const ACTION_OF_CONNECT = '<connect>'

/** Asks for a lease of a new session (spec/http-api 8.1). */
export async function requestLease(
  channel: GateChannel,
  wish: LeaseWish,
  timeoutMs: number,
): Promise<Lease> {
  const key = wish.key ?? (await DPoPKeyPair.generate())
  // A registered key proves itself; one made a moment ago has nothing to prove (design 10).
  const proof = wish.key === null ? {} : { proof: { key, token: null } }
  return send(channel, wish, key, proof, timeoutMs)
}

/**
 * Renews a lease: the old one and a proof by its key keep session, budget and scopes (design 10). A
 * gate of version 0.2.0 looks at the body alone and opens a new session with what it says.
 */
export async function renewLease(
  channel: GateChannel,
  lease: Lease,
  wish: LeaseWish,
  timeoutMs: number,
): Promise<Lease> {
  const proof = { key: lease.key, token: lease.token }
  return send(channel, wish, lease.key, { proof }, timeoutMs)
}

/** The label of an agent id: sent only as visible ASCII of at most 64 characters (design 10). */
export function agentLabel(agentId: string | null): string | null {
  return agentId !== null && /^[\x21-\x7e]{1,64}$/.test(agentId) ? agentId : null
}

async function send(
  channel: GateChannel,
  wish: LeaseWish,
  key: DPoPKeyPair,
  credentials: { readonly proof?: { readonly key: DPoPKeyPair; readonly token: string | null } },
  timeoutMs: number,
): Promise<Lease> {
  const label = agentLabel(wish.agentId)
  const answer = await channel.send({
    method: 'POST',
    path: '/v1/leases',
    body: JSON.stringify({ scopes: wish.scopes, dpop_jwk: key.publicJwk, ...budgets(wish) }),
    agentLabel: label,
    timeoutMs,
    ...credentials,
  })
  if (!isSuccess(answer)) throw answerError(answer, ACTION_OF_CONNECT)
  return readLease(answer, key, label)
}

function readLease(answer: GateAnswer, key: DPoPKeyPair, label: string | null): Lease {
  const body = successBody(answer, 'lease')
  const token = requiredText(body, 'lease_jwt', 'lease')
  const expiry = requiredText(body, 'expires_at', 'lease')
  const expiresAt = Date.parse(expiry)
  if (Number.isNaN(expiresAt)) {
    throw new LatchGateTransportError(`expires_at in lease response is not a time: '${expiry}'`)
  }
  // Half of a short lease: 60 s would be a new lease for every call where leases live 60 s.
  const lifetime = Math.max(0, expiresAt - Date.now())
  return {
    token,
    key,
    agentLabel: label,
    sessionId: optionalText(body, 'session_id'),
    jti: optionalText(body, 'lease_jti'),
    renewAt: expiresAt - Math.min(RENEW_UNDER_MS, lifetime / 2),
  }
}

function budgets(wish: LeaseWish): { readonly budgets?: Readonly<Record<string, number>> } {
  const { maxCalls, maxCostUsdCents } = wish
  if (maxCalls === null && maxCostUsdCents === null) return {}
  return {
    budgets: {
      ...(maxCalls === null ? {} : { max_calls: maxCalls }),
      ...(maxCostUsdCents === null ? {} : { max_cost_usd_cents: maxCostUsdCents }),
    },
  }
}
