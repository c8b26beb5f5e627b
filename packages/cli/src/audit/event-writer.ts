import { type AuditEvent, printable, printableJson } from '@latchgate/protocol'
import type { Context } from '../context.js'
import { eventReason, eventRows, HEADER, tableFooter } from './event-table.js'

/** How events can be written. */
export const AUDIT_FORMATS = ['table', 'json', 'jsonl', 'csv'] as const

/** One of `AUDIT_FORMATS`. */
export type AuditFormat = (typeof AUDIT_FORMATS)[number]

/** Writes events as they come. */
export interface EventWriter {
  write(events: readonly AuditEvent[]): void
  /** `hasMore`: there are older events than those written. */
  end(hasMore: boolean): void
}

/** A writer of the format, onto standard output. All text of others is made safe to print. */
export function eventWriter(context: Context, format: AuditFormat): EventWriter {
  const { stdout } = context.streams
  const print = (line: string): void => {
    stdout.write(`${line}\n`)
  }
  const eachLine = (events: readonly AuditEvent[], lineOf: (event: AuditEvent) => string): void => {
    for (const event of events) print(lineOf(event))
  }
  switch (format) {
    case 'json':
      return jsonWriter(print)
    case 'jsonl':
      return {
        write: (events) => eachLine(events, printableJson),
        end: () => undefined,
      }
    case 'csv':
      return headed(() => print(CSV_COLUMNS), {
        write: (events) => eachLine(events, csvRow),
        end: () => undefined,
      })
    default:
      return tableWriter(context)
  }
}

// One document, so all of it has to be there before.
function jsonWriter(print: (line: string) => void): EventWriter {
  const collected: AuditEvent[] = []
  return {
    write: (events) => collected.push(...events),
    end: () => print(printableJson({ events: collected })),
  }
}

function tableWriter({ output, streams }: Context): EventWriter {
  let count = 0
  const width = streams.stdout.isTTY === true ? (streams.stdout.columns ?? 80) : null
  return headed(() => output.line(HEADER), {
    write: (events) => {
      count += events.length
      for (const row of eventRows(events, width)) output.line(row)
    },
    end: (hasMore) => {
      output.line()
      output.line(tableFooter(count, hasMore))
    },
  })
}

// Not before there is an answer: of a question that failed nothing is printed but why.
function headed(printHeader: () => void, writer: EventWriter): EventWriter {
  let isBegun = false
  const begin = (): void => {
    if (!isBegun) printHeader()
    isBegun = true
  }
  return {
    write: (events) => {
      begin()
      writer.write(events)
    },
    end: (hasMore) => {
      begin()
      writer.end(hasMore)
    },
  }
}

const CSV_COLUMNS =
  'trace_id,timestamp,event_type,action_id,principal,decision,reason,session_id,dev_mode'

/** One event as a row of CSV (RFC 4180). */
export function csvRow(event: AuditEvent): string {
  const { trace_id, timestamp, event_type, action_id, principal, decision, session_id } = event
  const reason = eventReason(event) ?? ''
  const cells = [
    trace_id,
    timestamp,
    event_type,
    action_id,
    principal,
    decision,
    reason,
    session_id,
  ]
  return [...cells, String(event.dev_mode)].map(csvCell).join(',')
}

// A spreadsheet runs what begins like a formula, also in the wide forms of the signs; a reason or a
// principal of somebody else must not.
function csvCell(text: string): string {
  const shown = printable(text)
  const inert = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/u.test(shown) ? `'${shown}` : shown
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}
