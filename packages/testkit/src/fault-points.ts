import type { ChildProcess } from 'node:child_process'

/** Thrown at an armed point. */
export class InjectedFault extends Error {
  readonly point: string

  constructor(point: string) {
    super(`injected fault at ${point}`)
    this.name = 'InjectedFault'
    this.point = point
  }
}

/** What happens at an armed point: a thrown `InjectedFault`, a wait until `release`, or the test's own. */
export type FaultAction = 'throw' | 'hang' | (() => void | Promise<void>)

interface Armed {
  readonly action: FaultAction
  readonly onHit: number
}

/** Named places in a run at which a test makes something go wrong. */
export class FaultPoints {
  readonly #armed = new Map<string, Armed>()
  readonly #hits = new Map<string, number>()
  readonly #arrivals = new Map<string, (() => void)[]>()
  readonly #hanging = new Map<string, (() => void)[]>()

  /** Arms a point for its `onHit`-th passage from now (1 is the next one); it fires once. */
  arm(point: string, action: FaultAction, onHit = 1): void {
    this.#armed.set(point, { action, onHit: this.hits(point) + onHit })
  }

  /** How often a point was passed. */
  hits(point: string): number {
    return this.#hits.get(point) ?? 0
  }

  /** Called by the code under test, or by the double that surrounds it. */
  readonly reach = async (point: string): Promise<void> => {
    const hit = this.hits(point) + 1
    this.#hits.set(point, hit)
    drain(this.#arrivals, point)
    const armed = this.#armed.get(point)
    if (armed === undefined || armed.onHit !== hit) return
    this.#armed.delete(point)
    if (armed.action === 'throw') throw new InjectedFault(point)
    if (armed.action === 'hang')
      return new Promise((resolve) => push(this.#hanging, point, resolve))
    await armed.action()
  }

  /** Resolves at the next passage of a point. */
  reached(point: string): Promise<void> {
    return new Promise((resolve) => push(this.#arrivals, point, resolve))
  }

  /** Lets everything go on that hangs at a point. */
  release(point: string): void {
    drain(this.#hanging, point)
  }
}

/** How a killed process ended, and what it had printed. */
export interface Killed {
  readonly output: string
  readonly signal: NodeJS.Signals | null
  readonly code: number | null
}

/**
 * Waits until a child process prints `marker` (stdout or stderr), kills it at once without a chance
 * to clean up, and resolves after its end. A child that ends before the marker is an error.
 */
export function killAt(
  child: ChildProcess,
  marker: string,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<Killed> {
  return new Promise((resolve, reject) => {
    let output = ''
    let killed = false
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      if (killed || !output.includes(marker)) return
      killed = true
      child.kill(signal)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', reject)
    child.once('close', (code, endedBy) => {
      if (killed) return resolve({ output, signal: endedBy, code })
      reject(new Error(`the process ended (${code}) before it printed ${marker}: ${output}`))
    })
  })
}

function push(map: Map<string, (() => void)[]>, point: string, wake: () => void): void {
  map.set(point, [...(map.get(point) ?? []), wake])
}

function drain(map: Map<string, (() => void)[]>, point: string): void {
  const waiting = map.get(point) ?? []
  map.delete(point)
  for (const wake of waiting) wake()
}
