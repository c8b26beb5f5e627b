import type { Readable, Writable } from 'node:stream'
import { printable, printableJson, printableLines } from '@latchgate/protocol'
import { cellsOf, cellText, fitCells, padCells } from './cells.js'
import type { CommandFailure } from './command-failure.js'

/** Where a command writes, and how. Everything it is given is made safe to print. */
export interface Output {
  readonly json: boolean
  success(message: string): void
  info(message: string): void
  field(label: string, value: string): void
  /** The last column gives way when the terminal is too narrow for a row. */
  table(rows: readonly (readonly string[])[]): void
  line(text?: string): void
  /** Something that was found to be wrong, among the results. */
  problem(text: string): void
  warn(message: string): void
  hint(text: string): void
  /** The one JSON document of a `--json` run. */
  document(value: unknown): void
}

/** One of the process's streams as a command sees it. */
export interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  /** Width of the terminal. */
  readonly columns?: number
  /** Height of the terminal. */
  readonly rows?: number
  /** `error`: nobody reads any more. */
  on?(event: 'resize' | 'error', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

/** The process's streams and environment. */
export interface Streams {
  readonly stdout: TextStream
  readonly stderr: TextStream
  /** Where answers of a person come from; absent: there is nobody to ask. */
  readonly stdin?: NodeJS.ReadStream
  /** Where a person can be asked; absent unless both ends are a terminal. */
  readonly terminal?: { readonly input: Readable; readonly output: Writable } | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Human output, or one JSON document; colour only on a terminal without NO_COLOR. */
export function createOutput(json: boolean, streams: Streams): Output {
  const paintOn =
    (stream: TextStream) =>
    (code: string, text: string): string =>
      !json && stream.isTTY === true && streams.env['NO_COLOR'] === undefined
        ? `\u001b[${code}m${text}\u001b[0m`
        : text
  const onOut = paintOn(streams.stdout)
  const onErr = paintOn(streams.stderr)
  const out = (text: string): void => {
    if (!json) streams.stdout.write(`${text}\n`)
  }
  const err = (text: string): void => {
    if (!json) streams.stderr.write(`${text}\n`)
  }
  return {
    json,
    success: (message) => out(`${onOut('32', '✓')}  ${printable(message)}`),
    info: (message) => out(`${onOut('36', '=>')}  ${printable(message)}`),
    field: (label, value) => out(`  ${onOut('2', label.padEnd(14))}  ${printable(value)}`),
    table: (rows) => out(alignColumns(rows, streams.stdout)),
    line: (text = '') => out(printableLines(text)),
    problem: (text) => out(`${onOut('31', '✗')}  ${printable(text)}`),
    warn: (message) => err(`${onErr('33', '⚠')}  ${printable(message)}`),
    hint: (text) => err(`   ${printable(text)}`),
    document: (value) => {
      if (json) streams.stdout.write(`${printableJson(value)}\n`)
    },
  }
}

/** Prints a failure: on standard error for people, as a document with `--json`. */
export function reportFailure(failure: CommandFailure, json: boolean, streams: Streams): void {
  if (json) {
    const hint = failure.hints.length === 0 ? {} : { hint: failure.hints.join('; ') }
    const document = {
      ok: false,
      error: failure.message,
      code: failure.code,
      ...hint,
      ...failure.fields,
    }
    streams.stdout.write(`${printableJson(document)}\n`)
    return
  }
  const colour = streams.stderr.isTTY === true && streams.env['NO_COLOR'] === undefined
  const mark = colour ? '\u001b[31m✗\u001b[0m' : '✗'
  streams.stderr.write(`${mark}  ${printableLines(failure.message)}\n`)
  for (const hint of failure.hints) streams.stderr.write(`   ${printable(hint)}\n`)
}

function alignColumns(rows: readonly (readonly string[])[], stream: TextStream): string {
  const cells = rows.map((row) => row.map(cellText))
  const widths: number[] = []
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cellsOf(cell))
  }
  const width = stream.isTTY === true ? (stream.columns ?? 80) : Number.POSITIVE_INFINITY
  return cells
    .map((row) => `  ${row.map((cell, i) => padCells(cell, widths[i] ?? 0)).join('  ')}`.trimEnd())
    .map((line) => fitCells(line, width))
    .join('\n')
}
