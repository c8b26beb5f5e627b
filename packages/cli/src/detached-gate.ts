import { spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LoadedConfig } from '@latchgate/gate'
import { CommandFailure } from './command-failure.js'
import type { Context } from './context.js'
import { refusedStart } from './failures.js'
import { askGate } from './gate-connection.js'
import { findListener } from './listener.js'

/** A gate in the background. */
export interface DetachedGate {
  readonly pid: number
  readonly logFile: string
  /** Somebody else started this project's gate in the same moment. */
  readonly alreadyRunning: boolean
}

const READY_WITHIN_MS = 20_000
const OTHER_READY_WITHIN_MS = 10_000
const LAST_LINES = 5

/** Starts the gate in a session of its own and returns when it answers; it outlives this process. */
export async function detach(context: Context, loaded: LoadedConfig): Promise<DetachedGate> {
  const { file } = loaded
  if (file === null) throw new Error('a gate without a configuration file cannot be detached')
  const logFile = join(dirname(file), 'logs', 'gate.log')
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
  const logFd = openSync(logFile, 'a', 0o600)
  const logStart = fstatSync(logFd).size
  const bin = fileURLToPath(new URL('../../bin/latchgate.js', import.meta.url))
  const child = spawn(process.execPath, [bin, 'serve', '--config', file], {
    detached: true,
    stdio: ['ignore', 'ignore', logFd],
    cwd: context.cwd,
    env: { ...context.streams.env },
  })
  closeSync(logFd)
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  // Who interrupts the command does not want a gate.
  const interrupt = (): void => {
    child.kill('SIGTERM')
    process.exit(130)
  }
  process.once('SIGINT', interrupt)
  try {
    const deadline = Date.now() + READY_WITHIN_MS
    while (Date.now() < deadline) {
      if (ended) return await startedElsewhere(loaded, logFile, logStart)
      const answer = await askGate(loaded, { method: 'GET', path: '/readyz' }).catch(notYet)
      if (answer?.status === 200 && !ended) {
        const listener = await findListener(loaded)
        if (listener.kind !== 'nobody' && listener.pid === child.pid) {
          child.unref()
          return { pid: listener.pid, logFile, alreadyRunning: false }
        }
      }
      await sleep(50)
    }
  } finally {
    process.off('SIGINT', interrupt)
  }
  child.kill('SIGTERM')
  throw new CommandFailure(
    'gate_start_failed',
    `the gate was not ready within ${READY_WITHIN_MS / 1000} s`,
    { hints: [`its log: ${logFile}`] },
  )
}

// Of two starts at once the loser ends while the winner is not listening yet: it is given the time.
async function startedElsewhere(
  loaded: LoadedConfig,
  logFile: string,
  logStart: number,
): Promise<DetachedGate> {
  const failure = failedStart(logFile, logStart)
  const isInUse = failure.message.includes('another instance is using the ledger')
  const deadline = Date.now() + (isInUse ? OTHER_READY_WITHIN_MS : 0)
  for (;;) {
    const listener = await findListener(loaded)
    if (listener.kind === 'this_gate') return { pid: listener.pid, logFile, alreadyRunning: true }
    if (Date.now() >= deadline) throw failure
    await sleep(50)
  }
}

function notYet(error: unknown): null {
  if (error instanceof CommandFailure) return null
  throw error
}

// Only what this start has written: the log also holds the reasons of earlier ones.
function failedStart(logFile: string, logStart: number): CommandFailure {
  const text = readFileSync(logFile).subarray(logStart).toString('utf8').trimEnd()
  const lines = text === '' ? [] : text.split('\n')
  const hints = [`its log: ${logFile}`]
  const line = lines.findLast((one) => one.startsWith('{"startup_error":'))
  if (line !== undefined) {
    const { startup_error: code, detail } = JSON.parse(line) as Record<string, string>
    return refusedStart(code ?? '', detail ?? '', hints)
  }
  return new CommandFailure('gate_start_failed', 'the gate ended before it was ready', {
    hints: [...lines.slice(-LAST_LINES), ...hints],
  })
}
