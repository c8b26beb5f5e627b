/** A header name: a token of RFC 9110 5.6.2. */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)
}

/**
 * Headers that belong to the connection or to the message's framing (RFC 9110 7.6.1): the HTTP client
 * sets them, and a second value would split requests or name another host. `accept-encoding` with
 * them: the answer must come in a form that the search for secrets can read.
 */
const HOST_OWNED: readonly string[] = [
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** True for headers that neither a template nor a secret may set. */
export function isHostOwned(name: string): boolean {
  return HOST_OWNED.includes(name.toLowerCase())
}

/** Headers of credentials: they come from secrets, never from a manifest's text. */
const CREDENTIALS: readonly string[] = [
  'authorization',
  'cookie',
  'dd-api-key',
  'dd-application-key',
  'private-token',
  'x-api-key',
  'x-auth-token',
]

/** True for headers that only a secret may set. */
export function isCredentialHeader(name: string): boolean {
  return CREDENTIALS.includes(name.toLowerCase())
}

/** True for text that can stand in a header: visible ASCII, spaces and tabs inside. */
export function isHeaderText(text: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(text) && text.trim() === text
}
