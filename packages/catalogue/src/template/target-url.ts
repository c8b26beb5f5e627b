import { err, escapePointer, type JsonObject, ok, type Result } from '@latchgate/protocol'
import type { Template } from '../manifest/manifest.js'
import { encodeComponent, encodePath, isDotSegment } from './path-segments.js'
import { namesIn, type TextPart } from './placeholder-text.js'
import { type QueryPair, queryPairs } from './query-pairs.js'
import type { TargetFault } from './target-fault.js'
import { interpolate, requiredText } from './template-values.js'
import { parseUrlTemplate, type UrlTemplate } from './url-template.js'

/** Longest URL that is sent; longer ones are refused by many servers only after they were sent. */
const MAX_URL_LENGTH = 8192

/**
 * Resolves the URL of a template, as a WHATWG href. `secretQueryNames` are query names that secrets
 * will be put into.
 */
export function resolveUrl(
  template: Template,
  args: JsonObject,
  secretQueryNames: readonly string[],
): Result<string, TargetFault> {
  const parsed = parseUrlTemplate(template.url_template)
  if (!parsed.ok) return err({ path: '', message: `url_template: ${parsed.error}` })
  const url = parsed.value
  const base = url.kind === 'caller' ? callerUrl(url.name, args) : templatedUrl(template, url, args)
  if (!base.ok) return base
  const taken = [...base.value.searchParams.keys()]
  const clash = secretQueryNames.find((name) => taken.includes(name))
  if (clash !== undefined) {
    // The caller's own value beside the injected one: which of them counts is up to the server.
    const path = url.kind === 'caller' ? `/${escapePointer(url.name)}` : ''
    return err({ path, message: `must not have the query parameter '${clash}': a secret sets it` })
  }
  const reserved = new Set([...secretQueryNames, ...Object.keys(template.query), ...taken])
  if (url.kind === 'parts') for (const { name } of url.query) reserved.add(decodeName(name))
  const pairs = queryPairs(template, url, args, reserved)
  if (!pairs.ok) return pairs
  const href = withQuery(base.value, pairs.value)
  if (href.length > MAX_URL_LENGTH) {
    return err({ path: '', message: `the URL is longer than ${MAX_URL_LENGTH} characters` })
  }
  return ok(href)
}

function callerUrl(name: string, args: JsonObject): Result<URL, TargetFault> {
  const path = `/${escapePointer(name)}`
  const text = requiredText(args, name)
  if (!text.ok) return text
  // WHATWG parsing drops tabs and line feeds: what a human was shown would not be what is sent.
  if (/[\p{Cc}\s]/u.test(text.value)) {
    return err({ path, message: 'must not contain white space or control characters' })
  }
  if (!URL.canParse(text.value)) return err({ path, message: 'must be an absolute URL' })
  const url = new URL(text.value)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return err({ path, message: 'must be an http or https URL' })
  }
  if (url.username !== '' || url.password !== '') {
    return err({ path, message: 'must not contain user information (name:password@)' })
  }
  url.hash = ''
  return ok(url)
}

function templatedUrl(
  template: Template,
  url: Extract<UrlTemplate, { kind: 'parts' }>,
  args: JsonObject,
): Result<URL, TargetFault> {
  const authority = resolveAuthority(url.authority, args)
  if (!authority.ok) return authority
  let path = ''
  for (const parts of url.segments) {
    const segment = resolveSegment(template, parts, args)
    if (!segment.ok) return segment
    path += `/${segment.value}`
  }
  const text = `${url.scheme}://${authority.value}${path}`
  const member = `/${escapePointer(namesIn(url.authority)[0] ?? '')}`
  if (!URL.canParse(text)) return err({ path: member, message: 'does not make a host name' })
  const resolved = new URL(text)
  // Every character was encoded or checked; a path that still changes would be another endpoint.
  if (resolved.pathname !== path)
    return err({ path: '', message: 'the path is not in normal form' })
  return ok(resolved)
}

// A host is not percent-encoded: its values are held to the characters of host names.
function resolveAuthority(
  parts: readonly TextPart[],
  args: JsonObject,
): Result<string, TargetFault> {
  for (const name of namesIn(parts)) {
    const text = requiredText(args, name)
    if (!text.ok) return text
    if (!/^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/.test(text.value)) {
      const message = 'must be a part of a host name: letters, digits, hyphens, dots between labels'
      return err({ path: `/${escapePointer(name)}`, message })
    }
  }
  return interpolate(parts, args)
}

function resolveSegment(
  template: Template,
  parts: readonly TextPart[],
  args: JsonObject,
): Result<string, TargetFault> {
  const [name] = namesIn(parts)
  if (name === undefined) return interpolate(parts, args)
  const path = `/${escapePointer(name)}`
  if (template.path_params.includes(name)) return resolvePathParam(template, name, args)
  for (const one of namesIn(parts)) {
    const text = requiredText(args, one)
    if (!text.ok) return text
    // `repos//issues` is another endpoint than `repos/{{repo}}/issues`.
    if (text.value === '')
      return err({ path: `/${escapePointer(one)}`, message: 'must not be empty' })
  }
  const raw = interpolate(parts, args)
  if (!raw.ok) return raw
  if (isDotSegment(raw.value)) return err({ path, message: "must not be '.' or '..'" })
  return interpolate(parts, args, encodeComponent)
}

function resolvePathParam(
  template: Template,
  name: string,
  args: JsonObject,
): Result<string, TargetFault> {
  const text = requiredText(args, name)
  if (!text.ok) return text
  const { query_params } = template
  const hint = query_params === null ? '' : `: put the query into '${query_params}'`
  const encoded = encodePath(text.value, hint)
  if (encoded.ok) return encoded
  return err({ path: `/${escapePointer(name)}`, message: encoded.error })
}

function withQuery(url: URL, pairs: readonly QueryPair[]): string {
  if (pairs.length === 0) return url.href
  const joined = pairs.map(({ name, value }) => `${name}=${value}`).join('&')
  return `${url.href}${url.href.includes('?') ? (url.href.endsWith('?') ? '' : '&') : '?'}${joined}`
}

function decodeName(name: string): string {
  return new URLSearchParams(`${name}=`).keys().next().value ?? name
}
