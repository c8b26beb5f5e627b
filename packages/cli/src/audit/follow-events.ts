import type { AuditEvent, AuditEventsBody } from '@latchgate/protocol'
import { CommandFailure } from '../command-failure.js'
import type { Output } from '../output.js'
import { pause } from '../pause.js'
import { type AskEvents, newestPages, PAGE_EVENTS } from './audit-question.js'
import type { EventWriter } from './event-writer.js'

/** Milliseconds between two questions when nothing is new, and while the gate is away. */
const PAUSE_MS = 1000

/** What a follower works with. */
export interface Follower {
  readonly ask: AskEvents
  readonly writer: EventWriter
  readonly output: Output
  /** Events of the past to begin with. */
  readonly limit: number
  /** Ends it. */
  readonly signal: AbortSignal
}

/**
 * Writes the latest events, oldest first, then each new one as it comes, until the signal. A gate
 * that goes away is waited for: records keep their indexes over a restart, so nothing is missed.
 * Throws a CommandFailure when the first question fails, or when the gate refuses a later one.
 */
export async function followEvents(follower: Follower): Promise<void> {
  const { writer, output, signal } = follower
  let since = await writeLatest(follower)
  let isAway = false
  while (!signal.aborted) {
    const page = await askOrNull(follower, since, isAway)
    isAway = page === null
    if (page === null) {
      await pause(PAUSE_MS, signal)
      continue
    }
    if (page.newest_index < since) {
      output.warn(
        `the log ends at record ${page.newest_index}, before record ${since}: it is another log; ` +
          'following it from its end',
      )
    }
    writer.write(page.events)
    since = page.next_since_index ?? page.newest_index
    if (since >= page.newest_index) await pause(PAUSE_MS, signal)
  }
}

async function writeLatest({ ask, writer, limit }: Follower): Promise<number> {
  const latest: AuditEvent[] = []
  let newest: number | undefined
  for await (const page of newestPages(ask, limit)) {
    newest ??= page.newest_index
    latest.push(...page.events)
  }
  writer.write(latest.toReversed())
  return newest ?? -1
}

async function askOrNull(
  { ask, output, signal }: Follower,
  since: number,
  isAway: boolean,
): Promise<AuditEventsBody | null> {
  try {
    const page = await ask({ limit: PAGE_EVENTS, sinceIndex: since })
    if (isAway) output.warn('the gate answers again')
    return page
  } catch (error) {
    if (signal.aborted) return null
    if (!(error instanceof CommandFailure) || !isPassing(error)) throw error
    if (!isAway) output.warn(`${error.message}; waiting for it, Ctrl-C ends`)
    return null
  }
}

// A gate that is being restarted, or has too much to do. One that refuses will do so again.
function isPassing({ code, fields }: CommandFailure): boolean {
  if (code === 'gate_not_running' || code === 'not_a_gate') return true
  const status = Number(fields['status'])
  return code === 'gate_refused' && (status === 429 || status >= 500)
}
