import { hostMatches } from '../destination/host-matches.js'
import { exampleUrl, hasLiteralHost, parseUrlTemplate } from '../template/url-template.js'
import type { Manifest, Template } from './manifest.js'
import type { Problems } from './problems.js'

/** The origin that a template always calls; null when its host comes from the caller. */
export function literalOrigin(template: Template | null): string | null {
  const url = template === null ? null : parseUrlTemplate(template.url_template)
  if (url === null || !url.ok || !hasLiteralHost(url.value)) return null
  return exampleUrl(url.value)?.origin ?? null
}

/** Rules between a template's host, its imports and the allow list. */
export function checkDestination(manifest: Manifest, problems: Problems): void {
  const { template, egress, provider, required_imports } = manifest
  if (provider === 'builtin:http_api' && !required_imports.includes('latchgate:io/http')) {
    const problem = "builtin:http_api imports 'latchgate:io/http', which is not declared"
    problems.report('required_imports', problem, "add 'latchgate:io/http'")
  }
  if (template === null) return
  if (egress.profile === 'none') {
    const problem = 'an action with a template has a destination, but the profile is none'
    problems.report('egress.profile', problem, 'set egress.profile: proxy_allowlist')
    return
  }
  const url = parseUrlTemplate(template.url_template)
  if (!url.ok) return
  const host = exampleUrl(url.value)?.hostname
  if (host === undefined) return
  // A host made of a placeholder alone is the caller's: nothing can be said about it here.
  const ownHost = hasLiteralHost(url.value) || host.includes('.')
  if (!ownHost || hostMatches(host, egress.allowed_domains)) return
  const wanted = hasLiteralHost(url.value) ? host : `*.${host.slice(host.indexOf('.') + 1)}`
  const problem = `the template calls '${host}', which no entry covers`
  problems.report('egress.allowed_domains', problem, `add '${wanted}'`)
}
