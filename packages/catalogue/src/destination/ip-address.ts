/** An address as its bytes: 4 for IPv4, 16 for IPv6. */
export type AddressBytes = readonly number[]

/** Parses strict dotted-decimal IPv4, no leading zeros; null when it is anything else. */
export function parseIpv4(text: string): AddressBytes | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  const bytes: number[] = []
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part)) return null
    const value = Number(part)
    if (value > 255) return null
    bytes.push(value)
  }
  return bytes
}

/**
 * Parses IPv6 (RFC 4291 2.2) without brackets; null when it is anything else. A zone identifier is
 * refused: an address with one is never a destination.
 */
export function parseIpv6(text: string): AddressBytes | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = groupsOf(halves[0] ?? '', halves.length === 1)
  if (head === null) return null
  if (halves.length === 1) return head.length === 8 ? bytesOf(head) : null
  const tail = groupsOf(halves[1] ?? '', true)
  if (tail === null || head.length + tail.length > 7) return null
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0)
  return bytesOf([...head, ...zeros, ...tail])
}

function groupsOf(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return []
  const parts = text.split(':')
  const groups: number[] = []
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const embedded = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : null
    if (embedded === null) return null
    const [a = 0, b = 0, c = 0, d = 0] = embedded
    groups.push(a * 256 + b, c * 256 + d)
  }
  return groups
}

function bytesOf(groups: readonly number[]): AddressBytes {
  return groups.flatMap((group) => [group >> 8, group & 0xff])
}

/** True when the first `bits` bits of both are the same. */
export function hasPrefix(address: AddressBytes, prefix: AddressBytes, bits: number): boolean {
  for (let bit = 0; bit < bits; bit += 8) {
    const index = bit >> 3
    const left = bits - bit
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff
    if (((address[index] ?? 0) & mask) !== ((prefix[index] ?? 0) & mask)) return false
  }
  return true
}
