import { err, ok, type Result } from '@latchgate/protocol'
import { parseIpv4 } from './ip-address.js'

/** Where a URL leads, as the HTTP client will understand it. */
export interface Destination {
  readonly scheme: 'http' | 'https'
  /** WHATWG host: lower case, punycode; IPv6 in brackets. Never ends in a dot. */
  readonly host: string
  /** Explicit, or the scheme's default. */
  readonly port: number
  /** Without query. */
  readonly path: string
  /** True for an IPv4 or IPv6 address in place of a name. */
  readonly literal: boolean
}

/**
 * Parses a URL for policy and enforcement alike (design 8): WHATWG URL, http or https, no userinfo,
 * no trailing dot. There is no second parser, so what was decided is what is connected to. The error
 * says what is wrong and never quotes the URL.
 */
export function parseDestination(url: string): Result<Destination, string> {
  if (!URL.canParse(url)) return err('invalid URL')
  const parsed = new URL(url)
  const scheme = schemeOf(parsed)
  if (scheme === null) {
    return err(`scheme '${parsed.protocol.slice(0, -1)}' is not allowed (only http/https)`)
  }
  // `https://api.github.com@evil.com/` reads like one host and leads to another.
  if (parsed.username !== '' || parsed.password !== '') {
    return err('a URL with user information is not allowed')
  }
  const host = parsed.hostname
  if (host === '') return err('URL has no host')
  // `api.github.com.` names the same server and would pass by a list of names.
  if (host.endsWith('.')) return err('a host with a trailing dot is not allowed')
  if (host.split('.').includes('')) return err('a host with an empty label is not allowed')
  if (host.length > 255) return err('the host is too long')
  return ok({
    scheme,
    host,
    port: parsed.port === '' ? (scheme === 'https' ? 443 : 80) : Number(parsed.port),
    path: parsed.pathname,
    literal: isAddressLiteral(host),
  })
}

/** True for dotted-decimal IPv4 and for IPv6 in brackets: the two forms that WHATWG hosts have. */
export function isAddressLiteral(host: string): boolean {
  return host.startsWith('[') || parseIpv4(host) !== null
}

function schemeOf(url: URL): 'http' | 'https' | null {
  if (url.protocol === 'https:') return 'https'
  if (url.protocol === 'http:') return 'http'
  return null
}
