import type { Tool } from '@modelcontextprotocol/sdk/types.js'

const READ_ONLY = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const

/** The name of the tool that goes on with a held call. */
export const RESULT_TOOL = 'latchgate_result'
/** The name of the tool that lists held calls. */
export const PENDING_TOOL = 'latchgate_my_pending'

/** The adapter's own tools. None of them can approve anything (spec/mcp-webhooks-sandbox 1.1). */
export const OWN_TOOLS: readonly Tool[] = [
  {
    name: RESULT_TOOL,
    description:
      'Goes on waiting for a call that a human operator has to approve, and returns its result. ' +
      'Give the approval_id of the answer that said pending_approval. It never repeats the call.',
    inputSchema: {
      type: 'object',
      properties: {
        approval_id: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9._-]+$' },
        wait_seconds: {
          type: 'integer',
          minimum: 1,
          maximum: 3600,
          description: 'How long to wait for the decision.',
        },
      },
      required: ['approval_id'],
      additionalProperties: false,
    },
    annotations: READ_ONLY,
  },
  {
    name: PENDING_TOOL,
    description:
      'Lists your own calls that wait for a decision of a human operator, newest first; with ' +
      'include_decided also those that were decided, whose results latchgate_result still gives.',
    inputSchema: {
      type: 'object',
      properties: { include_decided: { type: 'boolean' } },
      additionalProperties: false,
    },
    annotations: READ_ONLY,
  },
]

/** Whether the name is one of the adapter's own: no action of the gate can stand in for it. */
export function isOwnTool(name: string): boolean {
  return OWN_TOOLS.some((tool) => tool.name === name)
}
