import type { AuditEvent, AuditEventsBody } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import type { AskEvents, AuditPlace } from '../src/audit/audit-question.js'
import { followEvents } from '../src/audit/follow-events.js'
import { CommandFailure } from '../src/command-failure.js'
import { createOutput } from '../src/output.js'

interface Followed {
  readonly asked: readonly AuditPlace[]
  readonly written: readonly number[]
  readonly warned: string
  readonly error: unknown
}

/** Follows a gate that answers like this, one after the other; the last answer ends it. */
async function following(answers: readonly (AuditEventsBody | Error)[]): Promise<Followed> {
  const asked: AuditPlace[] = []
  const written: number[] = []
  let warned = ''
  const end = new AbortController()
  const ask: AskEvents = async (place) => {
    asked.push(place)
    const answer = answers[asked.length - 1]
    if (asked.length === answers.length) end.abort()
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('asked again')
    return answer
  }
  const stderr = { write: (text: string) => (warned += text) }
  const output = createOutput(false, { stdout: stderr, stderr, env: {} })
  const writer = {
    write: (events: readonly AuditEvent[]) => {
      written.push(...events.map(({ leaf_index }) => leaf_index))
    },
    end: () => undefined,
  }
  let error: unknown = null
  try {
    await followEvents({ ask, writer, output, limit: 2, signal: end.signal })
  } catch (caught) {
    error = caught
  }
  return { asked, written, warned, error }
}

function page(
  indexes: readonly number[],
  newest: number,
  more: Partial<AuditEventsBody> = {},
): AuditEventsBody {
  const events = indexes.map((leaf_index) => ({ leaf_index }) as AuditEvent)
  return { events, newest_index: newest, ...more }
}

const refused = (status: number): CommandFailure =>
  new CommandFailure('gate_refused', `the gate answered ${status}`, { fields: { status } })
const gone = new CommandFailure('gate_not_running', 'no gate is running')

test('what is behind is fetched at once, and each question goes on where the last one ended', async () => {
  const { asked, written } = await following([
    page([9, 7], 9, { next_cursor: '7' }),
    page([10, 11], 30, { next_since_index: 20 }),
    page([25], 30, { next_since_index: 30 }),
  ])
  expect(written).toEqual([7, 9, 10, 11, 25])
  expect(asked).toEqual([
    { limit: 2 },
    { limit: 1000, sinceIndex: 9 },
    { limit: 1000, sinceIndex: 20 },
  ])
})

test('a gate that is away is waited for, with one notice, and one when it is back', async () => {
  const { asked, warned, error } = await following([
    page([], 4),
    gone,
    refused(503),
    page([5], 5, { next_since_index: 5 }),
    page([], 5, { next_since_index: 5 }),
  ])
  expect(error).toBe(null)
  expect(asked.slice(1).map(({ sinceIndex }) => sinceIndex)).toEqual([4, 4, 4, 5])
  expect(warned).toBe(
    '⚠  no gate is running; waiting for it, Ctrl-C ends\n⚠  the gate answers again\n',
  )
})

test('another log in the place of the one that was followed is said, and followed', async () => {
  const { asked, written, warned } = await following([
    page([], 40),
    page([], 3, { next_since_index: 3 }),
    page([4], 4, { next_since_index: 4 }),
  ])
  expect(warned).toContain('the log ends at record 3, before record 40: it is another log')
  expect([written, asked.at(-1)?.sinceIndex]).toEqual([[4], 3])
})

test('a gate that refuses ends it: it would refuse again', async () => {
  const refusal = refused(401)
  expect((await following([page([], 4), refusal, page([], 4)])).error).toBe(refusal)
  expect((await following([gone, page([], 4)])).error).toBe(gone)
})
