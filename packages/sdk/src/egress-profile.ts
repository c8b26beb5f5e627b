import { isMembers } from './gate-answer.js'

/** What an action may reach (spec/http-api 9.2, 15.4). */
export interface EgressProfile {
  /** `none`: no network. `proxy_allowlist`: through the gate, to the hosts of its list. */
  readonly profile: 'none' | 'proxy_allowlist'
  /** Hosts of the manifest; learned ones are not among them. */
  readonly allowedDomains: readonly string[]
  /** `profile` is not `none`. */
  readonly hasEgress: boolean
}

/** Reads the member `egress`: anything else than the `proxy_allowlist` object is `none`. */
export function egressProfileFromJson(json: unknown): EgressProfile {
  const profile = isMembers(json) ? json['proxy_allowlist'] : undefined
  if (!isMembers(profile)) return { profile: 'none', allowedDomains: [], hasEgress: false }
  const domains = profile['allowed_domains']
  const allowedDomains = Array.isArray(domains)
    ? domains.filter((domain): domain is string => typeof domain === 'string')
    : []
  return { profile: 'proxy_allowlist', allowedDomains, hasEgress: true }
}
