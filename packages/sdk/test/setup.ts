import { tempDir } from '@latchgate/testkit'
import { afterEach } from 'vitest'
import { type ClientOptions, LatchGateClient } from '../src/index.js'
import { GateDouble } from './gate-double.js'

const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A gate double on loopback, stopped after the test. */
export async function gateOnTcp(): Promise<GateDouble> {
  const gate = await GateDouble.onTcp()
  cleanups.push(() => gate.stop())
  return gate
}

/** A gate double on a Unix socket in a directory of its own. */
export async function gateOnSocket(): Promise<{
  readonly gate: GateDouble
  readonly path: string
}> {
  const directory = tempDir()
  const path = directory.file('gate.sock')
  const gate = await GateDouble.onSocket(path)
  cleanups.push(() => directory.remove())
  cleanups.push(() => gate.stop())
  return { gate, path }
}

/** A client, closed after the test. */
export function client(options: ClientOptions = {}): LatchGateClient {
  const made = new LatchGateClient(options)
  cleanups.push(() => made.close())
  return made
}

/** Sets variables for this test; `undefined` unsets. */
export function environment(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
    cleanups.push(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

/** Runs after the test, last registered first. */
export function afterThisTest(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup)
}
