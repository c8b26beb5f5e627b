/** Where a command writes, and how. */
export interface Output {
  readonly json: boolean
  success(message: string): void
  info(message: string): void
  field(label: string, value: string): void
  table(rows: readonly (readonly string[])[]): void
  line(text?: string): void
  warn(message: string): void
  hint(text: string): void
  /** The one JSON document of a `--json` run. */
  document(value: unknown): void
}

/** A failure that a command reports by itself: message, remedy, exit code (spec 1.6). */
export class CommandFailure extends Error {
  readonly hint: string | undefined
  readonly exitCode: number
  readonly fields: Readonly<Record<string, unknown>>

  constructor(
    message: string,
    given: {
      readonly hint?: string
      readonly exitCode?: number
      readonly fields?: Readonly<Record<string, unknown>>
    } = {},
  ) {
    super(message)
    this.name = 'CommandFailure'
    this.hint = given.hint
    this.exitCode = given.exitCode ?? 1
    this.fields = given.fields ?? {}
  }
}

/** The process's streams as a command sees them. */
export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Human output, or one JSON document; colour only on a terminal without NO_COLOR. */
export function createOutput(json: boolean, streams: Streams): Output {
  const colour = !json && streams.stdout.isTTY === true && streams.env['NO_COLOR'] === undefined
  const paint = (code: string, text: string): string =>
    colour ? `\u001b[${code}m${text}\u001b[0m` : text
  const out = (text: string): void => {
    if (!json) streams.stdout.write(`${text}\n`)
  }
  const err = (text: string): void => {
    if (!json) streams.stderr.write(`${text}\n`)
  }
  return {
    json,
    success: (message) => out(`${paint('32', '✓')}  ${message}`),
    info: (message) => out(`${paint('36', '=>')}  ${message}`),
    field: (label, value) => out(`  ${paint('2', label.padEnd(14))}  ${value}`),
    table: (rows) => out(alignColumns(rows)),
    line: (text = '') => out(text),
    warn: (message) => err(`${paint('33', '⚠')}  ${message}`),
    hint: (text) => err(`  ${text}`),
    document: (value) => {
      if (json) streams.stdout.write(`${JSON.stringify(value)}\n`)
    },
  }
}

/** Prints a failure: on standard error for people, as a document with `--json`. */
export function reportFailure(failure: CommandFailure, json: boolean, streams: Streams): void {
  if (json) {
    const document = { ok: false, error: failure.message, ...failure.fields }
    streams.stdout.write(`${JSON.stringify(document)}\n`)
    return
  }
  streams.stderr.write(`✗  ${failure.message}\n`)
  if (failure.hint !== undefined) streams.stderr.write(`  ${failure.hint}\n`)
}

/** Text of somebody else, safe to print: control and direction-changing characters are shown. */
export function printable(text: string): string {
  return text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  return rows
    .map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
}
