import { printableJson } from '@latchgate/protocol'
import { type CallToolResult, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { argumentFault } from '../argument-check.js'
import { handleToolCalls, type ProtocolServer, protocolServer } from '../protocol-server.js'
import type { OperatorAnswer, OperatorGate } from './operator-gate.js'
import { serveResources } from './operator-resources.js'
import { OPERATOR_TOOLS } from './operator-tools.js'

type Arguments = Readonly<Record<string, unknown>>

const MAX_REASON_BYTES = 500
const DEFAULT_LIMIT = 50

interface ToolFault {
  readonly code: string
  readonly message: string
}

/**
 * The protocol's side of an operator's session (spec/mcp-webhooks-sandbox 1.11). `gateName` is the log
 * that denials are signed for; null: the one that the gate named first.
 */
export function createOperatorServer(gate: OperatorGate, gateName: string | null): ProtocolServer {
  const server = protocolServer({ tools: {}, resources: {}, prompts: {} })
  let pinned = gateName
  const signsFor = (log: string): boolean => {
    pinned ??= log
    return log === pinned
  }
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...OPERATOR_TOOLS] }))
  handleToolCalls(server, async ({ name, arguments: given = {} }) => {
    const fault = faultOf(name, given)
    if (fault !== null) return refused(name, fault)
    try {
      if (name === 'latchgate_list_pending') return answered(name, await gate.list(limitOf(given)))
      const shown = await gate.show(String(given['approval_id']))
      if (name === 'latchgate_get_approval' || shown.status !== 200) return answered(name, shown)
      return await deny(gate, shown, given, signsFor)
    } catch (error) {
      // Nobody at the socket, or no gate: said to the model, the session goes on.
      const why = error instanceof Error ? error.message : String(error)
      return refused(name, { code: 'gate_unavailable', message: why })
    }
  })
  serveResources(server, gate)
  return server
}

function faultOf(name: string, given: Arguments): ToolFault | null {
  const tool = OPERATOR_TOOLS.find((one) => one.name === name)
  if (tool === undefined) return { code: 'action_not_found', message: `there is no tool '${name}'` }
  const fault = argumentFault(tool.inputSchema, given)
  if (fault !== null) return schema(fault)
  const { reason } = given
  // Not the schema's matter: it counts characters, the record bytes.
  return typeof reason === 'string' && Buffer.byteLength(reason) > MAX_REASON_BYTES
    ? schema(`reason must be a text of at most ${MAX_REASON_BYTES} bytes`)
    : null
}

async function deny(
  gate: OperatorGate,
  { body }: OperatorAnswer,
  given: Arguments,
  signsFor: (log: string) => boolean,
): Promise<CallToolResult> {
  const { approval_id: approvalId, plan_hash: planHash, log } = body
  const tool = 'latchgate_deny'
  if (approvalId !== given['approval_id'] || typeof planHash !== 'string') {
    const message = 'the gate shows another approval, or names no plan_hash: not denied'
    return refused(tool, { code: 'gate_unavailable', message })
  }
  // A signed decision for another log would be one that somebody else can put forward there.
  if (typeof log !== 'string' || !signsFor(log)) {
    const message = `this approval is of the log '${String(log)}', not of this gate's: not signed`
    return refused(tool, { code: 'conflict', message })
  }
  const { reason } = given
  const said = typeof reason === 'string' && reason !== '' ? withoutControls(reason) : null
  return answered(tool, await gate.deny({ approvalId: String(approvalId), planHash, log }, said))
}

function limitOf({ limit }: Arguments): number {
  return typeof limit === 'number' ? limit : DEFAULT_LIMIT
}

// A reason is shown on terminals.
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}]/gu, ' ')
}

function answered(tool: string, { status, body }: OperatorAnswer): CallToolResult {
  if (status === 200) return text(printableJson(withoutNulls(body), 2), false)
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
  return text(printableJson({ code, message, action_id: tool }, 2), true)
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
