import { computeAth } from '@latchgate/protocol/node'
import type { Services } from '../services.js'
import { type CredentialHeaders, dpopToken } from './credentials.js'
import type { Peer } from './identity.js'

/**
 * The rate of a peer whose lease is not known yet, before any cryptography. A token that was
 * verified before does not draw on it, so that garbage from one client does not lock out its
 * neighbours; neither does one that turns out to be good.
 */
export async function takePeerToken(
  services: Services,
  peer: Peer,
  headers: CredentialHeaders,
): Promise<{ readonly allowed: boolean; readonly giveBack: () => Promise<void> }> {
  if (isKnownLease(services, headers)) return { allowed: true, giveBack: async () => undefined }
  const bucket = `anonymous:${peer.key}`
  const allowed = await services.state.take(
    bucket,
    services.config.rate_limits.execute_rps_anonymous,
  )
  return { allowed, giveBack: () => services.state.giveBack(bucket) }
}

function isKnownLease(services: Services, headers: CredentialHeaders): boolean {
  const token = headers.authorization === undefined ? undefined : dpopToken(headers.authorization)
  return token !== undefined && services.leases.get(computeAth(token)) !== undefined
}
