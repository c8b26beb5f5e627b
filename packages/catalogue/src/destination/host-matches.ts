import { asciiLowerCase } from './ascii.js'

/**
 * Whether a host (or a mail address or bare name, actions spec 10.3) is covered by an allow list
 * (spec 11.2, mended). Entries:
 *
 * - `=host`: that host and nothing else.
 * - `*.suffix`: any number of labels in front of the suffix, not the suffix itself.
 * - `host`: the host and, as in 0.2.0, its subdomains.
 *
 * An entry of one label never matches by suffix (`com` would allow half of the internet), and
 * neither does anything whose last label is a number: that is an address, and `1.2.3.4` is not
 * below `3.4`.
 */
export function hostMatches(host: string, entries: readonly string[]): boolean {
  const name = asciiLowerCase(host)
  if (name === '') return false
  return entries.some((entry) => entryMatches(name, asciiLowerCase(entry)))
}

function entryMatches(host: string, entry: string): boolean {
  if (entry === '') return false
  if (entry.startsWith('=')) return host === entry.slice(1)
  if (entry.startsWith('*.')) return isBelow(host, entry.slice(2))
  return host === entry || isBelow(host, entry)
}

function isBelow(host: string, suffix: string): boolean {
  if (!suffix.includes('.') || suffix.startsWith('.') || suffix.endsWith('.')) return false
  if (isNumericHost(host) || host.startsWith('[') || suffix.startsWith('[')) return false
  // Something must stand before the dot: `.example.com` is not a host.
  return host.length > suffix.length + 1 && host.endsWith(`.${suffix}`)
}

// The WHATWG rule for "this is an IPv4 address": the last label is a number, in any base.
function isNumericHost(host: string): boolean {
  const last = host.slice(host.lastIndexOf('.') + 1)
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(last)
}
