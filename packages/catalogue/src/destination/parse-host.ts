import { asciiLowerCase } from './ascii.js'

/**
 * The host that a target names: of a URL, of a mail address (`user@host`, with or without port), or a
 * bare dotted name (actions spec 11.1 and 20.1). Null when there is none. Something that looks like a
 * URL and is not one has no host: guessing would let policy see another host than the one connected
 * to.
 */
export function parseHost(text: string): string | null {
  if (URL.canParse(text)) {
    const { hostname } = new URL(text)
    if (hostname !== '') return asciiLowerCase(hostname)
  }
  return hostOfMailAddress(text) ?? hostOfBareName(text)
}

function hostOfMailAddress(text: string): string | null {
  const at = text.lastIndexOf('@')
  if (at < 0) return null
  const local = text.slice(0, at)
  // A slash or backslash before the `@` is a URL's: `https://evil.com:99999/@api.github.com`.
  if (/[/\\?#]/.test(local)) return null
  return plainHost(text.slice(at + 1))
}

function hostOfBareName(text: string): string | null {
  if (text.includes('@')) return null
  const host = plainHost(text)
  return host?.includes('.') === true ? host : null
}

// The text before the port, if it has nothing in it that a URL would treat specially.
function plainHost(text: string): string | null {
  const [host = ''] = text.split(':', 1)
  if (host === '' || /[\p{Cc}\s/\\?#@%[\]]/u.test(host)) return null
  return asciiLowerCase(host)
}
