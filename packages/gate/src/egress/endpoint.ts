import { isIP } from 'node:net'
import { canonicalAddress } from './canonical-address.js'

/** An address and port to connect to. */
export interface Endpoint {
  /** Canonical, without brackets. */
  readonly ip: string
  readonly port: number
}

/** `ip:port`, IPv6 in brackets. */
export function formatEndpoint({ ip, port }: Endpoint): string {
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`
}

/**
 * Reads `[egress.unsafe_resolve]` (design 8): exact `host:port` to `ip:port`.
 *
 * @throws {Error} naming the entry that is not of this form.
 */
export function parseUnsafeResolve(
  entries: ReadonlyMap<string, string>,
): ReadonlyMap<string, Endpoint> {
  return new Map([...entries].map(([from, to]) => [parseKey(from), parseEndpoint(from, to)]))
}

function parseKey(from: string): string {
  if (!/^(\[[0-9a-fA-F:.]+\]|[^[\]:/@\s]+):\d{1,5}$/.test(from)) {
    throw new Error(`egress.unsafe_resolve: "${from}" is not host:port`)
  }
  return from.toLowerCase()
}

function parseEndpoint(from: string, to: string): Endpoint {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(to)
  const ip = canonicalAddress(parts?.[1] ?? parts?.[2] ?? '')
  const port = Number(parts?.[3])
  if (ip === null || !(port >= 1 && port <= 65_535)) {
    throw new Error(`egress.unsafe_resolve: "${from}" = "${to}": the target is not ip:port`)
  }
  return { ip, port }
}
