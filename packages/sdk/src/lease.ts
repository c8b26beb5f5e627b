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
import type { GateChannel, GateRequest } from './gate-channel.js'
import type { IdentityTokens } from './identity-token.js'

/** A lease in use: the token, the key it is bound to, and when to renew it. */
export interface Lease {
  readonly token: string
  readonly key: DPoPKeyPair
  readonly agentLabel: string | null
  readonly sessionId: string | null
  readonly jti: string | null
  /** Unix milliseconds by the gate's clock from which the next call renews it first. */
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

/** How a lease is asked for. */
export interface LeaseDesk {
  readonly channel: GateChannel
  readonly tokens: IdentityTokens
  /** Milliseconds for the token and the answer together. */
  readonly timeoutMs: number
}

const RENEW_UNDER_MS = 60_000
const ACTION_OF_CONNECT = '<connect>'

/** Asks for a lease of a new session (spec/http-api 8.1). */
export async function requestLease(desk: LeaseDesk, wish: LeaseWish): Promise<Lease> {
  const begun = performance.now()
  const identityToken = await desk.tokens.forSession(desk.timeoutMs)
  const spentMs = performance.now() - begun
  const key = wish.key ?? (await DPoPKeyPair.generate())
  // A registered key proves itself, and beside a token any key does: who has caught the token alone
  // gets no lease for a key of his (RFC 9449 5). One made for nobody has nothing to prove (design 10).
  const isProving = wish.key !== null || identityToken !== null
  const proof = isProving ? { proof: { key, token: null } } : {}
  return send(desk, wish, key, { ...proof, identityToken }, spentMs)
}

/**
 * Renews a lease: the old one and a proof by its key keep session, budget and scopes (design 10). A
 * gate of version 0.2.0 looks at the body alone and opens a new session with what it says.
 */
export async function renewLease(desk: LeaseDesk, lease: Lease, wish: LeaseWish): Promise<Lease> {
  const begun = performance.now()
  const identityToken = await desk.tokens.forRenewal(desk.timeoutMs)
  const spentMs = performance.now() - begun
  const proof = { key: lease.key, token: lease.token }
  return send(desk, wish, lease.key, { proof, identityToken }, spentMs)
}

/** The label of an agent id: sent only as visible ASCII of at most 64 characters (design 10). */
export function agentLabel(agentId: string | null): string | null {
  return agentId !== null && /^[\x21-\x7e]{1,64}$/.test(agentId) ? agentId : null
}

async function send(
  { channel, timeoutMs }: LeaseDesk,
  wish: LeaseWish,
  key: DPoPKeyPair,
  credentials: Pick<GateRequest, 'proof' | 'identityToken'>,
  spentMs: number,
): Promise<Lease> {
  const label = agentLabel(wish.agentId)
  const answer = await channel.send({
    method: 'POST',
    path: '/v1/leases',
    body: JSON.stringify({ scopes: wish.scopes, dpop_jwk: key.publicJwk, ...budgets(wish) }),
    agentLabel: label,
    // What the token took is gone, so that both together end in time.
    timeoutMs: Math.max(1, Math.ceil(timeoutMs - spentMs)),
    ...credentials,
  })
  if (!isSuccess(answer)) throw answerError(answer, ACTION_OF_CONNECT)
  // By the gate's own clock: on a machine that is ahead a new lease would look expired.
  const issuedAt = channel.clock.now() + answer.gateAheadSeconds * 1000
  return readLease(answer, key, label, issuedAt)
}

function readLease(
  answer: GateAnswer,
  key: DPoPKeyPair,
  label: string | null,
  issuedAt: number,
): Lease {
  const body = successBody(answer, 'lease')
  const token = requiredText(body, 'lease_jwt', 'lease')
  const expiry = requiredText(body, 'expires_at', 'lease')
  const expiresAt = Date.parse(expiry)
  if (Number.isNaN(expiresAt)) {
    throw new LatchGateTransportError(`expires_at in lease response is not a time: '${expiry}'`)
  }
  // Half of a short lease: 60 s would be a new lease for every call where leases live 60 s.
  const lifetime = Math.max(0, expiresAt - issuedAt)
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
