import { err, ok, type Result } from '@latchgate/protocol'

/**
 * Percent-encodes everything but the unreserved characters of RFC 3986 2.3, upper-case hex. Expects a
 * well-formed string.
 */
export function encodeComponent(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/**
 * True for `.` and `..`, and for either with dots written `%2e`: WHATWG URL collapses all of them, so
 * such a segment would lead to another endpoint. An upstream that decodes twice does the same.
 */
export function isDotSegment(segment: string): boolean {
  const dots = segment.replace(/%2e/gi, '.')
  return dots === '.' || dots === '..'
}

/**
 * Encodes a parameter that is a path: its slashes stay, each segment is encoded once (design 8). The
 * error says what a path must not hold; the query goes elsewhere.
 */
export function encodePath(path: string, queryHint: string): Result<string, string> {
  if (path.includes('?')) return err(`must not contain '?'${queryHint}`)
  if (path.includes('#')) return err("must not contain '#'")
  if (path.includes('\\')) return err('must not contain a backslash')
  if (/\p{Cc}/u.test(path)) return err('must not contain control characters')
  const segments = path.split('/')
  if (segments.includes('')) {
    return err("must not begin or end with '/', contain '//' or be empty")
  }
  if (segments.some(isDotSegment)) return err("must not contain the segment '.' or '..'")
  return ok(segments.map(encodeComponent).join('/'))
}
