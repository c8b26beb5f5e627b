import { type Logger, pino, stdTimeFunctions } from 'pino'
import type { GateConfig } from './config/schema.js'

/**
 * The gate's log: JSON lines on standard error, or one readable line an event on a terminal. Secrets
 * cannot get in: they have no textual form.
 */
export function createLogger(
  config: Pick<GateConfig, 'log_level' | 'log_format'>,
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stderr,
): Logger {
  const pretty =
    config.log_format === 'pretty' || (config.log_format === 'auto' && stream.isTTY === true)
  const options = {
    level: config.log_level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const destination = { write: (line: string) => stream.write(pretty ? readable(line) : line) }
  return pino(options, destination)
}

function readable(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ` ${name}=${shown(value)}`)
  const clock = String(time).slice(11, 23)
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${fields.length === 0 ? '' : ` ${fields.join('')}`}\n`
}

// Control characters in a field would let a caller draw on the operator's terminal.
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, ' ')
}
