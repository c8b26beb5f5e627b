import { type AddressBytes, hasPrefix, parseIpv4, parseIpv6 } from './ip-address.js'

/** Whether an address may be a destination, and if not, which range forbids it. */
export type AddressClass =
  | { readonly public: true }
  | { readonly public: false; readonly range: string }

interface Range {
  readonly prefix: AddressBytes
  readonly bits: number
  readonly name: string
}

/** IPv4 that is never a destination (actions spec 11.4, design 8). */
const IPV4_REFUSED: readonly Range[] = [
  range4('0.0.0.0', 8, 'this network'),
  range4('10.0.0.0', 8, 'private'),
  range4('100.64.0.0', 10, 'carrier-grade NAT'),
  range4('127.0.0.0', 8, 'loopback'),
  range4('168.63.129.16', 32, 'cloud platform services'),
  range4('169.254.0.0', 16, 'link-local, cloud metadata'),
  range4('172.16.0.0', 12, 'private'),
  range4('192.0.0.0', 24, 'IETF protocol assignments'),
  range4('192.0.2.0', 24, 'documentation'),
  range4('192.88.99.0', 24, '6to4 relay'),
  range4('192.168.0.0', 16, 'private'),
  range4('198.18.0.0', 15, 'benchmarking'),
  range4('198.51.100.0', 24, 'documentation'),
  range4('203.0.113.0', 24, 'documentation'),
  range4('224.0.0.0', 4, 'multicast'),
  range4('240.0.0.0', 4, 'reserved'),
]

/** The one block that IPv6 destinations come from (RFC 4291 2.4). */
const GLOBAL_UNICAST = range6('2000::', 3, 'global unicast')

/** Parts of it that are not destinations: they embed or stand for other addresses. */
const IPV6_REFUSED: readonly Range[] = [
  range6('2001::', 23, 'IETF protocol assignments, Teredo'),
  range6('2001:db8::', 32, 'documentation'),
  range6('2002::', 16, '6to4'),
  range6('3fff::', 20, 'documentation'),
]

/** Names for what lies outside the block; the refusal does not depend on them. */
const IPV6_NAMES: readonly Range[] = [
  range6('::', 128, 'unspecified'),
  range6('::1', 128, 'loopback'),
  range6('::', 96, 'IPv4-compatible'),
  range6('64:ff9b::', 96, 'NAT64'),
  range6('64:ff9b:1::', 48, 'NAT64'),
  range6('100::', 64, 'discard-only'),
  range6('5f00::', 16, 'segment routing'),
  range6('fc00::', 7, 'unique local'),
  range6('fe80::', 10, 'link-local'),
  range6('fec0::', 10, 'site-local'),
  range6('ff00::', 8, 'multicast'),
]

const IPV4_MAPPED = range6('::ffff:0:0', 96, 'IPv4-mapped')

/**
 * Classifies a textual address, IPv4 or IPv6 without brackets. IPv4-mapped IPv6 is judged by the
 * embedded IPv4. What cannot be parsed is not public.
 */
export function classifyAddress(ip: string): AddressClass {
  const v4 = parseIpv4(ip)
  if (v4 !== null) return classify4(v4)
  const v6 = parseIpv6(ip)
  if (v6 === null) return { public: false, range: 'not an IP address' }
  if (inside(v6, IPV4_MAPPED)) return classify4(v6.slice(12))
  if (inside(v6, GLOBAL_UNICAST)) return judged(v6, IPV6_REFUSED)
  const known = IPV6_NAMES.find((one) => inside(v6, one))
  return { public: false, range: known?.name ?? 'outside 2000::/3' }
}

function classify4(address: AddressBytes): AddressClass {
  return judged(address, IPV4_REFUSED)
}

function judged(address: AddressBytes, refused: readonly Range[]): AddressClass {
  const hit = refused.find((one) => inside(address, one))
  return hit === undefined ? { public: true } : { public: false, range: hit.name }
}

function inside(address: AddressBytes, range: Range): boolean {
  return hasPrefix(address, range.prefix, range.bits)
}

function range4(network: string, bits: number, name: string): Range {
  return { prefix: parseIpv4(network) ?? [], bits, name: `${name}, ${network}/${bits}` }
}

function range6(network: string, bits: number, name: string): Range {
  return { prefix: parseIpv6(network) ?? [], bits, name: `${name}, ${network}/${bits}` }
}
