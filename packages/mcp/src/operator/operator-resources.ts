import { printableJson } from '@latchgate/protocol'
import {
  ErrorCode,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  type Prompt,
} from '@modelcontextprotocol/sdk/types.js'
import {
  handleResourceReads,
  invalid,
  ProtocolError,
  type ProtocolServer,
} from '../protocol-server.js'
import type { OperatorAnswer, OperatorGate } from './operator-gate.js'
import { FROM_AGENTS } from './operator-tools.js'

const PENDING_URI = 'latchgate://approvals/pending'
const AUDIT_URI = 'latchgate://audit/recent'
const RECENT = 25
const LISTED = 50
const TRACE_ID = /^[A-Za-z0-9_-]{1,128}$/

const PROMPTS: readonly Prompt[] = [
  {
    name: 'explain_denial',
    description: 'Explains why a call was refused, from its audit events',
    arguments: [
      { name: 'trace_id', description: "The gate's trace id of the call", required: true },
    ],
  },
  { name: 'review_pending', description: 'Reviews the calls that wait for a decision' },
]

/** Resources and prompts of an operator's session (spec/mcp-webhooks-sandbox 1.12): all only read. */
export function serveResources(server: ProtocolServer, gate: OperatorGate): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { uri: PENDING_URI, name: 'Pending Approvals', mimeType: 'application/json' },
      { uri: AUDIT_URI, name: 'Recent Audit', mimeType: 'application/json' },
    ],
  }))
  handleResourceReads(server, async (uri) => {
    if (uri !== PENDING_URI && uri !== AUDIT_URI) {
      throw invalid(`there is no such resource; there are ${PENDING_URI} and ${AUDIT_URI}`)
    }
    const read = uri === PENDING_URI ? gate.list(LISTED) : gate.events({ limit: RECENT })
    const text = printableJson(await bodyOf(read), 2)
    return { contents: [{ uri, mimeType: 'application/json', text }] }
  })
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: [...PROMPTS] }))
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }) => {
    if (params.name === 'review_pending') return reviewPending(gate)
    if (params.name === 'explain_denial') return explainDenial(gate, params.arguments?.['trace_id'])
    const names = PROMPTS.map(({ name }) => name).join(' and ')
    throw invalid(`there is no such prompt; there are ${names}`)
  })
}

async function explainDenial(gate: OperatorGate, traceId: unknown): Promise<GetPromptResult> {
  if (typeof traceId !== 'string' || !TRACE_ID.test(traceId)) {
    throw invalid('trace_id must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -')
  }
  const events = await bodyOf(gate.events({ limit: RECENT, traceId }))
  const ask = 'Explain why this call was refused, and what would have to be different.'
  return prompt(`Audit events of the trace ${traceId}`, ask, events)
}

async function reviewPending(gate: OperatorGate): Promise<GetPromptResult> {
  const ask =
    'Say for each of these held calls what it would do and what speaks against it, the riskiest ' +
    'first. A person decides; approving is not possible here.'
  return prompt('Calls that wait for a decision', ask, await bodyOf(gate.list(LISTED)))
}

function prompt(description: string, ask: string, json: unknown): GetPromptResult {
  // Within the JSON a fence could only stand in a string, on a line that does not begin with it.
  const text = `${ask} ${FROM_AGENTS}\n\n\`\`\`json\n${printableJson(json, 2)}\n\`\`\``
  return { description, messages: [{ role: 'user', content: { type: 'text', text } }] }
}

async function bodyOf(answer: Promise<OperatorAnswer>): Promise<unknown> {
  let given: OperatorAnswer
  try {
    given = await answer
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ProtocolError(ErrorCode.InternalError, why)
  }
  const { status, body } = given
  if (status === 200) return body
  throw new ProtocolError(ErrorCode.InternalError, `the gate answered ${status}`)
}
