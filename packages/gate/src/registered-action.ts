import type { Action, Manifest } from '@latchgate/catalogue'
import type { JsonObject } from '@latchgate/protocol'
import type { EgressProfile } from './policy/engine.js'

/** An action that can be called: its manifest, digest, and the module that will run. */
export interface RegisteredAction {
  readonly action: Action
  readonly manifest: Manifest
  /** `sha256:` digest of the whole normalised manifest, schemas included. */
  readonly actionDigest: string
  /** `sha256:` digest of the module. */
  readonly moduleDigest: string
  readonly source: string
}

/** One immutable snapshot of everything that can be called; a call keeps the one it began with. */
export interface ActionSnapshot {
  readonly actions: ReadonlyMap<string, RegisteredAction>
}

/** Egress profile in the externally tagged form of the wire (spec/http-api 9.2). */
export function egressProfile(manifest: Manifest): EgressProfile {
  if (manifest.egress.profile === 'none') return 'none'
  return { proxy_allowlist: { allowed_domains: manifest.egress.allowed_domains } }
}

/** The limits of a manifest as they go into an intent. */
export function limitsOf(manifest: Manifest): JsonObject {
  return { ...manifest.limits }
}
