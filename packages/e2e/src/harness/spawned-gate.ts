import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TestProject } from './gate.js'
import { RawClient } from './raw-client.js'

const BIN = fileURLToPath(new URL('../../../../cli/bin/latchgate.js', import.meta.url))

/** A gate in a process of its own, as an operator would run it. */
export interface SpawnedGate {
  readonly child: ChildProcess
  readonly client: RawClient
  /** Standard error so far. */
  readonly log: () => string
  /** Resolves when the process has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** SIGTERM, and the end. */
  stop(): Promise<void>
  /** SIGKILL, and the end. */
  kill(): Promise<void>
}

/** Starts `latchgate serve` on a project and waits until it is ready. */
export async function spawnGate(
  project: TestProject,
  options: {
    readonly env?: Readonly<Record<string, string>>
    /** Options of Node, before the program. */
    readonly execArgv?: readonly string[]
  } = {},
): Promise<SpawnedGate> {
  const { env = {}, execArgv = [] } = options
  const args = [...execArgv, BIN, 'serve', '--config', project.configFile]
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], HOME: project.root, ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  // A test that fails before it stops its gate must not leave one behind.
  const killWithTest = (): boolean => child.kill('SIGKILL')
  process.once('exit', killWithTest)
  child.once('exit', () => process.off('exit', killWithTest))
  const ended = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }))
  const client = new RawClient({ socket: project.socket })
  await ready(client, child, () => text)
  const finish = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
    await client.destroy()
  }
  return {
    child,
    client,
    log: () => text,
    ended,
    stop: () => finish('SIGTERM'),
    kill: () => finish('SIGKILL'),
  }
}

async function ready(client: RawClient, child: ChildProcess, log: () => string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the gate ended before it was ready: ${log()}`)
    }
    const answer = await client.send({ method: 'GET', path: '/readyz' }).catch(() => null)
    if (answer?.status === 200) return
    await sleep(25)
  }
  throw new Error(`the gate was not ready in time: ${log()}`)
}
