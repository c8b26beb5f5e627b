import type { JsonObject } from '@latchgate/protocol'
import { digest } from '@latchgate/protocol/node'
import type { TokenIssuer } from '../auth/token-issuers.js'
import type { GateConfig } from '../config/schema.js'

/** Characters of the lists that a record holds: a leaf has 16 KiB, and other things in it. */
const MAX_LISTED = 8192

/**
 * What the record of a reload says of who may act as whom, which is evidence as the policy is: the lists,
 * their digest, and where they are too long for a record their lengths and the digest alone.
 */
export function identityRecord(
  agents: GateConfig['agents'],
  issuers: readonly TokenIssuer[],
): JsonObject {
  const lists = {
    agents: Object.values(agents).map(({ principal, dpop_jkt }) => ({ principal, dpop_jkt })),
    issuers: issuers.map(({ issuer, audience, principalClaim, keySource }) => ({
      issuer,
      audience,
      principal_claim: principalClaim,
      keys: keySource,
    })),
  }
  const identity_digest = digest(lists)
  if (JSON.stringify(lists).length <= MAX_LISTED) return { ...lists, identity_digest }
  return { agents: lists.agents.length, issuers: lists.issuers.length, identity_digest }
}
