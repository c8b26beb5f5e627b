import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

/** How a program ended, and all that it wrote. */
export interface ProgramEnd {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A program that runs. */
export interface Program {
  readonly child: ChildProcess
  readonly done: Promise<ProgramEnd>
  /** Resolves to the match once standard output holds it; rejects when the program ends before. */
  said(pattern: RegExp): Promise<readonly string[]>
  /** The same for standard error. */
  warned(pattern: RegExp): Promise<readonly string[]>
}

/** Writes down what a program says, from now on. */
export function observe(child: ChildProcessWithoutNullStreams): Program {
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  // Whoever ends without reading what it was given is not at fault.
  child.stdin.on('error', () => undefined)
  const done = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }))
  const said =
    (stream: Readable, soFar: () => string): Program['said'] =>
    (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(soFar())
          if (found !== null) resolve(found)
        }
        look()
        stream.on('data', look)
        done.then(() => reject(new Error(`ended without ${pattern}: ${out}${err}`)), reject)
      })
  return {
    child,
    done,
    said: said(child.stdout, () => out),
    warned: said(child.stderr, () => err),
  }
}
