import { statSync } from 'node:fs'
import { connect } from 'node:net'
import type { Launch } from './server-entry.js'

const TIMEOUT_MS = 2_000

/**
 * Why nobody seems to be where the entry looks for its gate; null when somebody is. Only looks
 * (spec/mcp-webhooks-sandbox 2.6): an entry may be written before its gate is started.
 */
export async function gateFault({ args }: Launch): Promise<string | null> {
  const socket = argumentOf(args, '--gate-socket')
  if (socket !== undefined) {
    const isThere = statSync(socket, { throwIfNoEntry: false })?.isSocket() === true
    return isThere ? null : `there is no socket ${socket} yet: start the gate with 'latchgate up'`
  }
  const url = argumentOf(args, '--gate-url')
  if (url === undefined) return null
  const { hostname, port, protocol } = new URL(url)
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  const isThere = await listens(hostname.replace(/^\[|\]$/g, ''), number)
  return isThere ? null : `nobody answers at ${url} now: the tools will be there once a gate does`
}

function argumentOf(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option)
  return at === -1 ? undefined : args[at + 1]
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS })
    const end = (isThere: boolean): void => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}
