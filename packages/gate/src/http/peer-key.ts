import { isIPv6 } from 'node:net'

/** Groups of an IPv6 address that name a network; the other four are its hosts' own to choose. */
const NETWORK_GROUPS = 4

/**
 * By what a peer on TCP is counted: its IPv4 address, or the /64 of its IPv6 address (RFC 4291 2.5.1).
 * Everybody has a whole /64: counted by address, he would have 2^64 rates and shares of the connections.
 */
export function peerKey(address: string): string {
  const [plain = address] = address.split('%')
  if (!isIPv6(plain)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1]
  if (mapped !== undefined) return mapped
  return `${groupsOf(plain).slice(0, NETWORK_GROUPS).join(':')}::/64`
}

function groupsOf(address: string): readonly string[] {
  // The URL parser writes an address in its one shortest form.
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = shortest.split('::')
  const before = head === '' ? [] : head.split(':')
  if (tail === undefined) return before
  const after = tail === '' ? [] : tail.split(':')
  return [
    ...before,
    ...Array.from({ length: 8 - before.length - after.length }, () => '0'),
    ...after,
  ]
}
