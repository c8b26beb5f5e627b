import type { PermittedAction } from 'latchgate'

/** A call that the model would like to be made. */
export interface ToolCall {
  readonly action: string
  readonly params: Readonly<Record<string, unknown>>
}

/** What the model answers: words, and the calls it wants; without calls it has finished. */
export interface Turn {
  readonly say: string
  readonly calls: readonly ToolCall[]
}

/** One entry of the conversation. */
export type Message =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'model'; readonly turn: Turn }
  | { readonly role: 'tool'; readonly call: ToolCall; readonly outcome: string }

/** What the loop needs of a model: replace it by a call of yours. */
export interface Model {
  next(tools: readonly PermittedAction[], conversation: readonly Message[]): Promise<Turn>
}

const TURNS: readonly Turn[] = [
  {
    say: 'I ask GitHub for a thought.',
    calls: [{ action: 'http_fetch', params: { url: 'https://api.github.com/zen' } }],
  },
  {
    say: 'I remove the repository, nobody needs it.',
    calls: [{ action: 'http_delete', params: { url: 'https://api.github.com/repos/acme/rocket' } }],
  },
  {
    say: 'I may not do that. Then I look at a page that nobody has listed.',
    calls: [{ action: 'http_fetch', params: { url: 'https://example.com/' } }],
  },
]

/** Plays a model: the same turns whatever it is told, then a last word that counts what came back. */
export function scriptedModel(): Model {
  const left = [...TURNS]
  return {
    next: async (_tools, conversation) => {
      const turn = left.shift()
      if (turn !== undefined) return turn
      const outcomes = conversation.filter((message) => message.role === 'tool')
      const refused = outcomes.filter(({ outcome }) => outcome.startsWith('refused'))
      return {
        say: `I made ${outcomes.length} calls; ${refused.length} had no result.`,
        calls: [],
      }
    },
  }
}
