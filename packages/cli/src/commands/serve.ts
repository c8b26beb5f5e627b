import {
  createLogger,
  type LoadedConfig,
  type RunningGate,
  StartupError,
  startGate,
} from '@latchgate/gate'
import type { Context } from '../context.js'
import { asFailure } from '../failures.js'

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
 * Resolves when the gate was told to end, and has: the first SIGINT, SIGTERM or SIGHUP lets calls in
 * flight finish, the second ends the process.
 */
export function untilSignal(gate: RunningGate): Promise<void> {
  return new Promise((resolve, reject) => {
    const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    let signals = 0
    const onSignal = (): void => {
      signals += 1
      // An operator who insists is not kept waiting; what was in flight becomes `unknown`.
      if (signals > 1) process.exit(130)
      gate.close().then(() => {
        for (const name of names) process.off(name, onSignal)
        resolve()
      }, reject)
    }
    for (const name of names) process.on(name, onSignal)
  })
}
