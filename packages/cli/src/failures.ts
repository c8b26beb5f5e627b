import { PresetError } from '@latchgate/catalogue'
import { ConfigError, StartupError } from '@latchgate/gate'
import { CommandFailure } from './command-failure.js'

/** Every error that can end a command, as what a person can act on. */
export function asFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error
  if (error instanceof ConfigError) {
    const { problems, source } = error
    return new CommandFailure('config_invalid', `the configuration cannot be used: ${source}`, {
      hints: [...problems, 'docs/configuration.md has every key; --config PATH names another file'],
      fields: { problems },
    })
  }
  if (error instanceof PresetError) {
    return new CommandFailure('preset_unusable', error.message, {
      hints: ['latchgate init --list-presets shows them'],
    })
  }
  if (error instanceof StartupError) return refusedStart(error.code, error.message)
  // What the system says of a file or socket is an answer, not a defect.
  if (isSystemError(error)) return new CommandFailure('io_error', error.message)
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new CommandFailure('internal', `a defect in latchgate, please report it: ${text}`)
}

/** A gate that may not start: one code, and what to change. */
export function refusedStart(
  startupError: string,
  detail: string,
  hints: readonly string[] = [],
): CommandFailure {
  return new CommandFailure(
    'gate_start_failed',
    `the gate refused to start (${startupError}): ${detail}`,
    { hints, fields: { startup_error: startupError, detail } },
  )
}

/** True for an error of the operating system, which names the call and the path. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
