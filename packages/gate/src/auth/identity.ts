import type { Result } from '@latchgate/protocol'
import type { GateConfig } from '../config/schema.js'
import { type Refusal, refuse } from '../refusal.js'
import type { PeerCredentials } from './peer-credentials.js'

/** What the transport knows of a caller before any credential is looked at. */
export interface Peer {
  readonly transport: 'unix' | 'tcp'
  /** Null on TCP. */
  readonly credentials: PeerCredentials | null
  /** Bucket for limits: `uid:<n>` on a Unix socket, the address or its network on TCP (`peerKey`). */
  readonly key: string
}

/** A resolved identity (spec/auth-and-evidence 4.2). */
export interface Identity {
  readonly principal: string
  readonly method: 'none' | 'peercred' | 'peercred:unmapped' | 'agent_key' | 'jwt'
  /** Null: not restricted. */
  readonly maximumScopes: readonly string[] | null
  readonly owner: string | null
}

/**
 * Who the peer is when it presents no credential: decided by the kernel's uid alone, never by anything
 * the caller sent.
 */
export function resolveIdentity(
  config: GateConfig['identity'],
  peer: Peer,
): Result<Identity, Refusal> {
  if (config.provider === 'none') {
    const identity = { principal: 'dev:anonymous', method: 'none', owner: null } as const
    return { ok: true, value: { ...identity, maximumScopes: null } }
  }
  if (peer.credentials === null) {
    const message =
      'this gate knows agents by the uid of their Unix socket: connect to the socket, not to TCP, ' +
      'or present a registered key or a token of an issuer'
    return { ok: false, error: refuse('identity_unauthenticated', { message }) }
  }
  const { uid } = peer.credentials
  const mapped = config.peercred.principals[String(uid)]
  if (mapped !== undefined) {
    return {
      ok: true,
      value: {
        principal: mapped.principal,
        method: 'peercred',
        maximumScopes: mapped.scopes,
        owner: mapped.owner ?? null,
      },
    }
  }
  if (config.peercred.allow_unmapped) {
    return {
      ok: true,
      value: {
        principal: `uid:${uid}`,
        method: 'peercred:unmapped',
        maximumScopes: null,
        owner: null,
      },
    }
  }
  const message = `uid ${uid} is not mapped: add [identity.peercred.principals.${uid}]`
  return { ok: false, error: refuse('identity_forbidden', { message }) }
}
