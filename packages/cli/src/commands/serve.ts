import {
  createLogger,
  type LoadedConfig,
  type RunningGate,
  StartupError,
  startGate,
} from '@latchgate/gate'
import type { Context } from '../main.js'

/** `latchgate serve`: the gate in the foreground, logs on standard error, until a signal. */
export async function serveCommand(context: Context): Promise<number> {
  return serve(context, context.load(), async () => undefined)
}

/**
 * Runs a gate until SIGINT or SIGTERM: the first lets calls in flight finish, the second ends the
 * process. A gate that may not start prints one JSON line (spec/cli-and-config 10.2).
 */
export async function serve(
  context: Context,
  loaded: LoadedConfig,
  onReady: (gate: RunningGate) => Promise<void>,
): Promise<number> {
  const log = createLogger(loaded.config)
  let gate: RunningGate
  try {
    gate = await startGate({ loaded, env: context.streams.env, log })
  } catch (error) {
    if (!(error instanceof StartupError)) throw error
    const line = { startup_error: error.code, detail: error.message }
    context.streams.stderr.write(`${JSON.stringify(line)}\n`)
    return 1
  }
  const stopped = untilSignal(gate)
  await onReady(gate)
  await stopped
  return 0
}

function untilSignal(gate: RunningGate): Promise<void> {
  return new Promise((resolve, reject) => {
    let signals = 0
    const onSignal = (): void => {
      signals += 1
      // An operator who insists is not kept waiting; what was in flight becomes `unknown`.
      if (signals > 1) process.exit(130)
      gate.close().then(() => {
        process.off('SIGINT', onSignal)
        process.off('SIGTERM', onSignal)
        resolve()
      }, reject)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
