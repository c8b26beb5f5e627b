import { isIP } from 'node:net'

/**
 * One spelling for each address, so that they can be compared: IPv4 also where it came mapped into
 * IPv6, IPv6 compressed and in lower case. Null for anything else, such as a scoped address.
 */
export function canonicalAddress(address: string): string | null {
  const family = isIP(address)
  if (family === 4) return address
  if (family === 0 || address.includes('%')) return null
  const compressed = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(compressed)
  if (mapped === null) return compressed
  const high = Number.parseInt(mapped[1] ?? '', 16)
  const low = Number.parseInt(mapped[2] ?? '', 16)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
