import type { Result } from '@latchgate/protocol'
import { PROOF_MAX_AGE_SECONDS, verifyDpopProof } from '@latchgate/protocol/node'
import type { ProofUse } from '../ledger/port.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Peer } from './identity.js'
import { rememberProof } from './replay.js'

/** The request that a proof must be bound to. */
export interface BoundRequest {
  readonly method: string
  /** Path with parameters decoded, without query. */
  readonly path: string
}

/** A proof, and everything that it has to fit. */
export interface PresentedProof {
  /** The header `DPoP`. */
  readonly proof: string
  /** The token beside it; null: there is none, and the proof must not name one. */
  readonly token: string | null
  /** Thumbprint of the key that must have made it. */
  readonly jkt: string
  readonly request: BoundRequest
  /**
   * Whose share of the replay memory it takes: a principal, which has no space in it, or a word, a space
   * and a name, which no principal can be.
   */
  readonly owner: string
  /** What to answer to a proof by another key; default `invalid_dpop`. */
  readonly ofOtherKey?: Refusal
  /** The caller commits the proof to the ledger: the replay memory may be away (design 5). */
  readonly proofInLedger?: boolean
}

/**
 * Verifies a proof of possession and remembers it, so that it works once (RFC 9449 4.3, 11.1). Every
 * kind of credential goes through here. Refuses with `invalid_dpop`, `replay_detected` or
 * `replay_cache_unavailable`.
 */
export async function acceptProof(
  services: Services,
  peer: Peer,
  presented: PresentedProof,
): Promise<Result<ProofUse, Refusal>> {
  const { proof, token, jkt, request, owner } = presented
  const nowMs = services.now()
  const verdict = verifyDpopProof(
    proof,
    {
      method: request.method,
      urls: htuBases(services, peer).map((base) => base + request.path),
      token,
      jkt,
      nowSeconds: Math.floor(nowMs / 1000),
    },
    services.proofKeys,
  )
  if (!verdict.ok) {
    const { reason, kind } = verdict
    if (kind === 'bad_key' && presented.ofOtherKey !== undefined) {
      return { ok: false, error: presented.ofOtherKey }
    }
    const refusal = refuse('invalid_dpop', { body: { deny_reason: reason }, detail: reason })
    return { ok: false, error: refusal }
  }
  // Twice its age: it may have been made ahead of our clock.
  const use = { jkt, jti: verdict.jti, forgetAfter: nowMs + 2 * PROOF_MAX_AGE_SECONDS * 1000 }
  const fresh = await rememberProof(services.state, { ...use, owner })
  if (fresh.ok) return { ok: true, value: use }
  const isAway = fresh.error.code === 'replay_cache_unavailable'
  return isAway && presented.proofInLedger === true ? { ok: true, value: use } : fresh
}

/** Bases a proof may be bound to: the public one and, on a Unix socket, its own alias (design 10). */
function htuBases(services: Services, peer: Peer): readonly string[] {
  const base = services.config.public_base_url.replace(/\/+$/, '')
  return peer.transport === 'unix' ? [base, 'http://localhost'] : [base]
}
