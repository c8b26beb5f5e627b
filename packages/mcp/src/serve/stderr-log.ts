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
    process.stderr.write(`latchgate-mcp: ${level}: ${oneLine(message)}\n`)
  }
}

/** Text of somebody else in one line: what could steer a terminal is shown as `\\uXXXX`. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{DI}\u2028\u2029]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Whether `text` is one of `LOG_LEVELS`. */
export function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}
