import { JsonFault, parseJson } from '@latchgate/protocol'
import { digest } from '@latchgate/protocol/node'
import {
  type GateAnswer,
  isMembers,
  type Members,
  optionalCount,
  optionalText,
} from './gate-answer.js'
import { type SequenceFinding, type SequenceTicket, SessionSequence } from './session-sequence.js'

/** Members of a receipt that the answer to the call, or the call itself, has told already. */
export type KnownCall = Readonly<Record<string, string | number>>

const MAX_CALLS = 1024
const MAX_SESSIONS = 64

const IGNORED: SequenceTicket = { settle: () => undefined }

/** What this client has seen of its own calls: enough to compare a receipt with. */
export class CallMemory {
  readonly #calls = new Map<string, KnownCall>()
  readonly #sessions = new Map<string, SessionSequence>()

  /** Findings of all sessions, oldest session first. */
  get findings(): readonly SequenceFinding[] {
    return [...this.#sessions.values()].flatMap((session) => session.findings)
  }

  /** A call of this session is about to be sent. Without a session there is nothing to count. */
  begin(sessionId: string | null): SequenceTicket {
    if (sessionId === null) return IGNORED
    const session = this.#sessions.get(sessionId) ?? new SessionSequence(sessionId)
    this.#sessions.set(sessionId, session)
    dropOldest(this.#sessions, MAX_SESSIONS)
    return session.begin()
  }

  /** Remembers an answer that names a receipt: a result, or the failure of a dispatched call. */
  remember(actionId: string, sessionId: string | null, sentBody: string, answer: GateAnswer): void {
    const body: Members = isMembers(answer.body) ? answer.body : {}
    const receiptId = optionalText(body, 'receipt_id')
    if (receiptId === null) return
    const known: Record<string, string | number | null> = {
      receipt_id: receiptId,
      trace_id: optionalText(body, 'trace_id'),
      grant_id: optionalText(body, 'grant_id'),
      session_seq: optionalCount(body, 'session_seq'),
      session_id: sessionId,
      action_id: actionId,
      request_hash: requestHash(sentBody),
    }
    this.#calls.set(receiptId, withoutNulls(known))
    dropOldest(this.#calls, MAX_CALLS)
  }

  /** What is known of the call that a receipt should be about. */
  callOf(receiptId: string): KnownCall | undefined {
    return this.#calls.get(receiptId)
  }

  /** The numbers of a session that this client has opened. */
  sequenceOf(sessionId: string): SessionSequence | undefined {
    return this.#sessions.get(sessionId)
  }
}

// What our own strict reading refuses, an older gate may have executed: its receipt is then
// compared without this member.
function requestHash(sentBody: string): string | null {
  try {
    return digest(parseJson(sentBody))
  } catch (error) {
    if (error instanceof JsonFault || error instanceof TypeError) return null
    throw error
  }
}

function withoutNulls(members: Readonly<Record<string, string | number | null>>): KnownCall {
  const entries = Object.entries(members)
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string | number] => entry[1] !== null),
  )
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  const [oldest] = map.keys()
  if (map.size > limit && oldest !== undefined) map.delete(oldest)
}
