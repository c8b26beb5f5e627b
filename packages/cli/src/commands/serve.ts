import { closeSync, openSync } from 'node:fs'
import {
  createLogger,
  type LoadedConfig,
  type RunningGate,
  StartupError,
  startGate,
} from '@latchgate/gate'
import type { Context } from '../context.js'
import { asFailure, isSystemError } from '../failures.js'

/** `latchgate serve`: the gate in the foreground, logs on standard error, until a signal. */
export async function serveCommand(context: Context): Promise<number> {
  const loaded = context.load()
  let gate: RunningGate
  try {
    gate = await openGate(context, loaded)
  } catch (error) {
    // For the supervisor that started it: one line (spec/cli-and-config 10.2).
    const line =
      error instanceof StartupError
        ? { startup_error: error.code, detail: error.message }
        : { startup_error: 'startup_failed', detail: asFailure(error).message }
    context.streams.stderr.write(`${JSON.stringify(line)}\n`)
    return 1
  }
  await untilSignal(gate)
  return 0
}

/** Starts the gate of a configuration in this process; throws when it may not start. */
export function openGate(context: Context, loaded: LoadedConfig): Promise<RunningGate> {
  return startGate({ loaded, env: context.streams.env, log: createLogger(loaded.config) })
}

/**
 * Resolves when the gate was told to end, and has: the first SIGINT or SIGTERM lets calls in flight
 * finish, the second ends the process. SIGHUP reloads, as `policy reload` does; when it comes because the
 * terminal went away it ends the gate as SIGTERM does.
 */
export function untilSignal(gate: RunningGate): Promise<void> {
  return new Promise((resolve, reject) => {
    const names = ['SIGINT', 'SIGTERM'] as const
    const hadTerminal = hasTerminal()
    let signals = 0
    const onSignal = (): void => {
      signals += 1
      // An operator who insists is not kept waiting; what was in flight becomes `unknown`.
      if (signals > 1) process.exit(130)
      gate.close().then(() => {
        for (const name of names) process.off(name, onSignal)
        process.off('SIGHUP', onHangUp)
        resolve()
      }, reject)
    }
    const onHangUp = (): void => {
      if (hadTerminal && !hasTerminal()) onSignal()
      else void gate.reload()
    }
    for (const name of names) process.on(name, onSignal)
    process.on('SIGHUP', onHangUp)
  })
}

// A service has none; who closes the window of a gate in the foreground takes it away.
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch (error) {
    if (isSystemError(error)) return false
    throw error
  }
}
