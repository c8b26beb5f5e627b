import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEventsBody } from '@latchgate/protocol'
import {
  type AskEvents,
  type AuditFilters,
  eventsQuery,
  newestPages,
} from '../audit/audit-question.js'
import { type AuditFormat, eventWriter } from '../audit/event-writer.js'
import { followEvents } from '../audit/follow-events.js'
import { CommandFailure, usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { onEndingSignal } from '../ending-signals.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findOperator } from '../operator-key.js'

/** Options of `latchgate audit`. */
export interface AuditOptions extends AuditFilters {
  readonly format?: AuditFormat
  readonly limit: number
  readonly follow?: boolean
}

/** `latchgate audit`: what was decided and done, from the running gate. */
export async function auditCommand(context: Context, options: AuditOptions): Promise<number> {
  const format = formatOf(context, options)
  const loaded = context.load()
  const operator = findOperator(loaded, context.options)
  const end = new AbortController()
  const ask: AskEvents = async (place) => {
    const query = eventsQuery(options, place)
    const request = { method: 'GET', path: '/v1/audit/events', query, signal: end.signal } as const
    return bodyOf(await askGate(loaded, request, operator)) as unknown as AuditEventsBody
  }
  if (options.follow === true) return follow(context, options, format, ask, end)
  await print(context, options, format, patient(ask))
  return 0
}

async function print(
  context: Context,
  options: AuditOptions,
  format: AuditFormat,
  ask: AskEvents,
): Promise<void> {
  const writer = eventWriter(context, format)
  let hasMore = false
  for await (const page of newestPages(ask, options.limit)) {
    writer.write(page.events)
    hasMore = page.next_cursor !== undefined
  }
  writer.end(hasMore)
}

async function follow(
  context: Context,
  options: AuditOptions,
  format: AuditFormat,
  ask: AskEvents,
  end: AbortController,
): Promise<number> {
  const { output, streams } = context
  let exitCode = 0
  const stopListening = onEndingSignal((code) => {
    exitCode = code
    end.abort()
    // A second one ends the process at once.
    stopListening()
  })
  // Nobody reads any more, as after `| head`.
  streams.stdout.on?.('error', () => end.abort())
  try {
    const writer = eventWriter(context, format)
    await followEvents({ ask, writer, output, limit: options.limit, signal: end.signal })
  } catch (error) {
    if (!end.signal.aborted) throw error
  } finally {
    stopListening()
  }
  return exitCode
}

function formatOf({ output }: Context, { format, follow, before }: AuditOptions): AuditFormat {
  if (output.json && format !== undefined) {
    throw usageFailure('--json is --format json: give one of the two')
  }
  const chosen = output.json ? 'json' : (format ?? 'table')
  if (follow !== true) return chosen
  if (chosen === 'json') {
    throw usageFailure('--follow has no end, and JSON is one document: use --format jsonl')
  }
  if (before !== undefined)
    throw usageFailure('--follow shows what comes, and nothing is --before it')
  return chosen
}

const ATTEMPTS = 10

// A long listing may ask faster than operators may.
function patient(ask: AskEvents): AskEvents {
  return async (place) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask(place)
      } catch (error) {
        const isThrottled = error instanceof CommandFailure && error.fields['status'] === 429
        if (!isThrottled || attempt === ATTEMPTS) throw error
      }
      await sleep(1000)
    }
  }
}
