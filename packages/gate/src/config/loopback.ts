import { isIP } from 'node:net'

/** Whether a literal address, without brackets, is this very machine; a name never is. */
export function isLoopback(host: string): boolean {
  return (isIP(host) === 4 && host.startsWith('127.')) || host === '::1'
}
