import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { type ProtocolServer, protocolServer } from '../protocol-server.js'
import type { OperatorAnswer, OperatorGate } from './operator-gate.js'
import { OPERATOR_TOOLS } from './operator-tools.js'

type Arguments = Readonly<Record<string, unknown>>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const MAX_REASON_BYTES = 500

/** The protocol's side of an operator's session (spec/mcp-webhooks-sandbox 1.11). */
export function createOperatorServer(gate: OperatorGate): ProtocolServer {
  const server = protocolServer({ tools: {} })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...OPERATOR_TOOLS] }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const given = params.arguments ?? {}
    const fault = argumentFault(params.name, given)
    if (fault !== null) return refused(params.name, fault)
    try {
      return await call(gate, params.name, given)
    } catch (error) {
      // Nobody at the socket, or no gate: said to the model, the session goes on.
      const why = error instanceof Error ? error.message : String(error)
      return refused(params.name, { code: 'gate_unavailable', message: why })
    }
  })
  return server
}

interface ToolFault {
  readonly code: string
  readonly message: string
}

function argumentFault(name: string, given: Arguments): ToolFault | null {
  const tool = OPERATOR_TOOLS.find((one) => one.name === name)
  if (tool === undefined) return { code: 'action_not_found', message: `there is no tool '${name}'` }
  const known = tool.inputSchema.properties ?? {}
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(known, key))
  if (unknown !== undefined) return schema(`there is no argument '${unknown}'`)
  const { approval_id: id, reason, limit } = given
  if (Object.hasOwn(known, 'approval_id') && !(typeof id === 'string' && UUID.test(id))) {
    return schema('approval_id must be a UUID in lower case')
  }
  if (reason !== undefined) {
    const isFit = typeof reason === 'string' && Buffer.byteLength(reason) <= MAX_REASON_BYTES
    if (!isFit) return schema(`reason must be a text of at most ${MAX_REASON_BYTES} bytes`)
  }
  const isFitLimit =
    limit === undefined ||
    (typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= 200)
  return isFitLimit ? null : schema('limit must be a whole number from 1 to 200')
}

async function call(gate: OperatorGate, name: string, given: Arguments): Promise<CallToolResult> {
  const id = String(given['approval_id'])
  if (name === 'latchgate_list_pending') return answered(name, await gate.list(limitOf(given)))
  const seen = await gate.show(id)
  if (name === 'latchgate_get_approval' || seen.status !== 200) return answered(name, seen)
  const planHash = seen.body['plan_hash']
  if (typeof planHash !== 'string') {
    return refused(name, { code: 'gate_unavailable', message: 'the gate names no plan_hash' })
  }
  const { reason } = given
  const said = typeof reason === 'string' && reason !== '' ? withoutControls(reason) : null
  return answered(name, await gate.deny(id, planHash, said))
}

function limitOf({ limit }: Arguments): number {
  return typeof limit === 'number' ? limit : 50
}

// A reason is shown on terminals.
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}]/gu, ' ')
}

function answered(tool: string, { status, body }: OperatorAnswer): CallToolResult {
  if (status === 200) return text(JSON.stringify(withoutNulls(body), null, 2), false)
  const { error, message } = body
  const said = typeof message === 'string' ? message : `the gate answered ${status}`
  return refused(tool, { code: codeOf(status, error), message: said })
}

function codeOf(status: number, error: unknown): string {
  if (status === 401 || status === 403) return 'auth_failed'
  if (status === 404) return 'action_not_found'
  if (status < 500 && typeof error === 'string') return error
  return 'gate_unavailable'
}

function refused(tool: string, { code, message }: ToolFault): CallToolResult {
  return text(JSON.stringify({ code, message, action_id: tool }, null, 2), true)
}

function schema(message: string): ToolFault {
  return { code: 'schema_validation', message }
}

function text(content: string, isError: boolean): CallToolResult {
  return { content: [{ type: 'text', text: content }], isError }
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([, one]) => one !== null)
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutNulls(one)]))
}
