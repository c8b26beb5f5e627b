import { BlockList } from 'node:net'

/** An address and port. */
export interface LoopbackEndpoint {
  readonly ip: string
  readonly port: number
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * The network of a test: this machine's loopback, and nothing else. Anything else throws before a
 * packet is sent, so that a defect of the code under test cannot reach a stranger.
 */
export function loopbackOnly(endpoint: LoopbackEndpoint): LoopbackEndpoint {
  if (LOOPBACK.check(endpoint.ip, endpoint.ip.includes(':') ? 'ipv6' : 'ipv4')) return endpoint
  throw new Error(`a test would have connected to ${endpoint.ip}:${endpoint.port}`)
}
