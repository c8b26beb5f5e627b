import type { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'

/** Most connections of one listener, and of one peer on it. */
export interface ConnectionLimits {
  readonly total: number
  readonly perPeer: number
}

const MOST = 4096
/** Open files that a process may have where the system does not say: what it grants at least. */
const USUAL_OPEN_FILES = 4096

/**
 * What one listener may hold. Each of the (at most four) listeners takes a part of the descriptors
 * that the process may have, and a part stays for upstreams and the ledger: whoever opens
 * connections for ever must not keep the operator out, nor the gate from its own files.
 */
export function connectionLimits(openFiles: number = openFilesLimit()): ConnectionLimits {
  const total = Math.max(8, Math.min(MOST, Math.floor(openFiles / 6)))
  return { total, perPeer: Math.ceil(total / 2) }
}

/** Counts the open connections of a listener, by peer. */
export class ConnectionShares {
  readonly #limits: ConnectionLimits
  readonly #byPeer = new Map<string, number>()
  #open = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** False when the listener or the peer has as many as it may; otherwise counted until it closes. */
  take(peer: string, socket: EventEmitter): boolean {
    const held = this.#byPeer.get(peer) ?? 0
    if (this.#open >= this.#limits.total || held >= this.#limits.perPeer) return false
    this.#open += 1
    this.#byPeer.set(peer, held + 1)
    socket.once('close', () => this.#giveBack(peer))
    return true
  }

  #giveBack(peer: string): void {
    this.#open -= 1
    const held = (this.#byPeer.get(peer) ?? 1) - 1
    if (held > 0) this.#byPeer.set(peer, held)
    else this.#byPeer.delete(peer)
  }
}

function openFilesLimit(): number {
  if (process.platform !== 'linux') return USUAL_OPEN_FILES
  const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  const limit = Number(line?.[1])
  return Number.isSafeInteger(limit) && limit > 0 ? limit : USUAL_OPEN_FILES
}
