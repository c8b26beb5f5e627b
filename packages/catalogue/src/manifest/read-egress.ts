import { DOMAIN_FAULTS, validateManifestDomain } from '../destination/domain-entry.js'
import { parseHost } from '../destination/parse-host.js'
import type { ManifestEgress } from './manifest.js'
import type { Section } from './section.js'

/** Each record of a call names the destinations it was allowed, and is at most 16 KiB. */
const MAX_DOMAIN_BYTES = 4096

/** Reads `egress`; entries are kept in the normalised form in which they are matched. */
export function readEgress(top: Section): ManifestEgress {
  const egress = top.section('egress', {
    known: ['profile', 'allowed_domains'],
    unavailable: { allowed_methods: 'remove it: the method is fixed by template.method' },
  })
  const profile = egress.choice('profile', ['none', 'proxy_allowlist'], 'none')
  const domains: string[] = []
  for (const [index, text] of egress.texts('allowed_domains', []).entries()) {
    const entry = validateManifestDomain(text)
    if (entry.ok) {
      domains.push(entry.value)
      continue
    }
    const why = `${entry.error}: ${DOMAIN_FAULTS[entry.error]}`
    const problem = `egress.allowed_domains entry '${text}' is invalid: ${why}`
    egress.report(`allowed_domains[${index}]`, problem, fixFor(text))
  }
  if (profile === 'none' && domains.length > 0) {
    const problem = 'domains are listed, but the profile is none: they would be ignored'
    egress.report('allowed_domains', problem, 'set egress.profile: proxy_allowlist')
  }
  const bytes = JSON.stringify(domains).length
  if (bytes > MAX_DOMAIN_BYTES) {
    const problem = `the domains take ${bytes} bytes in the record of every call, at most ${MAX_DOMAIN_BYTES}`
    egress.report('allowed_domains', problem, "use '*.domain' entries, or several actions")
  }
  return { profile, allowed_domains: domains }
}

// Most often a URL was written where a host belongs.
function fixFor(text: string): string {
  const host = text.includes('//') ? parseHost(text.trim()) : null
  const entry = host === null ? null : validateManifestDomain(host)
  return entry?.ok === true ? `write '${entry.value}'` : "write 'host', '=host' or '*.domain'"
}
