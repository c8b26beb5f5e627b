import { join } from 'node:path'
import { peerCredentialsSupported } from '../auth/peer-credentials.js'
import { StartupError } from './posture.js'
import { assertPrivate, assertProtected } from './protected-files.js'
import type { GateConfig, LoadedConfig } from './schema.js'

/** Refuses to start when files could be read or written by others (design 8), writing nothing. */
export function assertStartFiles(loaded: LoadedConfig, uid: number): void {
  assertPeerCredentials(loaded.config)
  for (const path of privatePaths(loaded)) assertPrivate(path, uid)
  assertProtected(protectedPaths(loaded), uid)
}

/** Refuses an identity provider that this system cannot serve. */
export function assertPeerCredentials(config: GateConfig): void {
  if (config.identity.provider !== 'peercred' || peerCredentialsSupported()) return
  throw new StartupError(
    'production_security_validation_failed',
    '`identity.provider = "peercred"` needs Linux: peer credentials cannot be read here',
  )
}

/** Files beside the keys that hold secrets: nobody else may read them. */
export function privatePaths({ config, file }: LoadedConfig): readonly string[] {
  return file !== null && Object.keys(config.operator_credentials).length > 0 ? [file] : []
}

/** Files and directories that decide what the gate does: nobody else may write them. */
export function protectedPaths({ config, file, root }: LoadedConfig): readonly string[] {
  const keys = [
    config.receipt_keys_jwks_path,
    config.receipt_signing_key_path,
    config.log_signing_key_path,
    config.lease_signing_key_path,
    // Who can write trust roots can pose as every upstream.
    config.egress.extra_ca_file,
  ].filter((path) => path !== undefined)
  const others = file === null ? [] : [file]
  const issuers = issuerKeyFiles(config)
  return [...others, config.manifests_dir, join(root, 'policies'), ...keys, ...issuers]
}

/** Files with issuers' public keys: who can write one can name himself any agent. */
export function issuerKeyFiles(config: GateConfig): readonly string[] {
  return config.identity.jwt.flatMap(({ jwks_file }) => jwks_file ?? [])
}
