/** A tool that the model would like to be called. */
export interface ToolCall {
  readonly name: string
  readonly arguments: Record<string, unknown>
}

/** What the model answers: words, and a call; without one it has finished. */
export interface Turn {
  readonly say: string
  readonly call: ToolCall | null
}

/** Plays a model: each turn sees the text that the last call came back with. */
const TURNS: readonly ((told: string) => Turn)[] = [
  () => ({
    say: 'I ask GitHub for a thought.',
    call: { name: 'http_fetch', arguments: { url: 'https://api.github.com/zen' } },
  }),
  () => ({
    say: 'And a page that nobody has listed.',
    call: { name: 'http_fetch', arguments: { url: 'https://example.com/' } },
  }),
  // As the answer says: a held call is not made again, its result is asked for.
  (told) => {
    const approvalId = pendingApproval(told)
    return approvalId === null
      ? { say: 'That is all.', call: null }
      : {
          say: 'A human has to decide; I ask for the result.',
          call: { name: 'latchgate_result', arguments: { approval_id: approvalId } },
        }
  },
]

/** The model's turns, one after the other; the last one as often as it is needed. */
export function scriptedModel(): (told: string) => Turn {
  let number = 0
  return (told) => {
    const turn = TURNS[Math.min(number, TURNS.length - 1)]
    number += 1
    return turn?.(told) ?? { say: 'I know nothing.', call: null }
  }
}

/** The handle in an answer that says that its call is held; null: it says something else. */
function pendingApproval(told: string): string | null {
  if (!told.includes('"pending_approval"')) return null
  return /"approval_id":"([0-9a-f-]+)"/.exec(told)?.[1] ?? null
}
