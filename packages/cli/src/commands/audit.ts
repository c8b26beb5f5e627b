import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEventsBody } from '@latchgate/protocol'
import { type Command, Option } from 'commander'
import {
  type AskEvents,
  type AuditFilters,
  eventsPath,
  limitArgument,
  newestPages,
  timeArgument,
} from '../audit/audit-question.js'
import { AUDIT_FORMATS, type AuditFormat, eventWriter } from '../audit/event-writer.js'
import { followEvents } from '../audit/follow-events.js'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findOperator } from '../operator-key.js'

/** Options of `latchgate audit`. */
export interface AuditOptions extends AuditFilters {
  readonly format?: AuditFormat
  readonly limit: number
  readonly follow?: boolean
}

/** Adds the options of `latchgate audit` to its command. */
export function auditOptions(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'how to print events').choices([...AUDIT_FORMATS]))
    .option('-l, --limit <number>', 'how many events, newest first', limitArgument, 20)
    .option('--action <id>', 'of this action')
    .option('--principal <principal>', 'of this agent; of what an operator did, the operator')
    .addOption(
      new Option('--decision <decision>', 'with this decision').choices([
        ...['allow', 'allow_unverified', 'deny', 'pending_approval', 'error'],
      ]),
    )
    .option('--after <time>', 'later than this: a time, a day, or 90m, 1h, 2d ago', asTime)
    .option('--before <time>', 'earlier than this', asTime)
    .option('--trace-id <id>', 'of this trace')
    .option('--session-id <id>', 'of this session')
    .option('--event-type <type>', 'of this type, like action_call or lease_issued')
    .option('--approval-id <id>', 'about this approval')
    .option('-f, --follow', 'go on with new events as they come, until Ctrl-C')
    .addHelpText(
      'after',
      '\nNeeds an operator key. Times are exclusive.\n' +
        'Exit codes: 0 printed, also when nothing was found or Ctrl-C ended --follow; 1 failed; 2 wrong usage.',
    )
}

// Commander hands the value of an earlier occurrence over as the second argument.
function asTime(given: string): string {
  return timeArgument(given)
}

/** `latchgate audit`: what was decided and done, from the running gate. */
export async function auditCommand(context: Context, options: AuditOptions): Promise<number> {
  const format = formatOf(context, options)
  const loaded = context.load()
  const operator = findOperator(loaded, context.options)
  const end = new AbortController()
  const ask: AskEvents = async (place) => {
    const request = { method: 'GET', path: eventsPath(options, place), signal: end.signal } as const
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
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const stop = (): void => end.abort()
  for (const name of names) process.once(name, stop)
  // Nobody reads any more, as after `| head`.
  streams.stdout.on?.('error', stop)
  try {
    const writer = eventWriter(context, format)
    await followEvents({ ask, writer, output, limit: options.limit, signal: end.signal })
  } catch (error) {
    if (!end.signal.aborted) throw error
  } finally {
    for (const name of names) process.off(name, stop)
  }
  return 0
}

function formatOf({ output }: Context, { format, follow, before }: AuditOptions): AuditFormat {
  const wrong = (message: string): CommandFailure =>
    new CommandFailure('usage', message, { exitCode: 2 })
  if (output.json && format !== undefined) {
    throw wrong('--json is --format json: give one of the two')
  }
  const chosen = output.json ? 'json' : (format ?? 'table')
  if (follow !== true) return chosen
  if (chosen === 'json') {
    throw wrong('--follow has no end, and JSON is one document: use --format jsonl')
  }
  if (before !== undefined) throw wrong('--follow shows what comes, and nothing is --before it')
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
