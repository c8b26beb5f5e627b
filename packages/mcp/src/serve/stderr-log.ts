import { printable } from '@latchgate/protocol'

/** Levels of `--log-level`, the most important first. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Writes lines for humans. Never to stdout, which carries the protocol. */
export type Log = (level: LogLevel, message: string) => void

/** A log on stderr of everything at `threshold` or more important. */
export function stderrLog(threshold: LogLevel): Log {
  const limit = LOG_LEVELS.indexOf(threshold)
  return (level, message) => {
    if (LOG_LEVELS.indexOf(level) > limit) return
    process.stderr.write(`latchgate-mcp: ${level}: ${printable(message)}\n`)
  }
}

/** Whether `text` is one of `LOG_LEVELS`. */
export function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}
