import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { type ActionResult, LatchGateApprovalRequired, type LatchGateClient } from 'latchgate'
import type { ProtocolServer } from '../protocol-server.js'
import type { ActionTool } from './action-tool.js'
import { argumentFault } from './argument-check.js'
import { awaitDecision, type CallContext, type HeldCall, stillHeld } from './held-call.js'
import { OWN_TOOLS, PENDING_TOOL, RESULT_TOOL } from './own-tools.js'
import type { Log } from './stderr-log.js'
import type { ToolCatalogue } from './tool-catalogue.js'
import { failedCall, toolError } from './tool-error.js'

/** What calls of tools need. */
export interface AgentSide {
  readonly client: LatchGateClient
  readonly catalogue: ToolCatalogue
  /** Seconds that a held call is waited for; 0: the handle is given at once. */
  readonly approvalWaitSeconds: number
  readonly log: Log
}

/** Arguments of a tool. */
export type Arguments = Readonly<Record<string, unknown>>

/**
 * One call of a tool (spec/mcp-webhooks-sandbox 1.7). A call fails as a result with `isError`, which
 * the model can read; only what nobody expected is thrown.
 */
export async function callTool(
  side: AgentSide,
  server: ProtocolServer,
  name: string,
  args: Arguments,
  context: CallContext,
): Promise<CallToolResult> {
  const own = OWN_TOOLS.find((tool) => tool.name === name)
  const fault = own === undefined ? null : argumentFault(own.inputSchema, args)
  if (fault !== null) {
    return toolError({ code: 'schema_validation', message: fault, action_id: name })
  }
  if (name === PENDING_TOOL) return listPending(side)
  if (name === RESULT_TOOL) return resume(side, server, args, context)
  return callAction(side, server, name, args, context)
}

async function callAction(
  side: AgentSide,
  server: ProtocolServer,
  name: string,
  args: Arguments,
  context: CallContext,
): Promise<CallToolResult> {
  const known = await findTool(side, name)
  const fault = known === null ? null : argumentFault(known.tool.inputSchema, args)
  if (fault !== null) {
    return toolError({ code: 'schema_validation', message: fault, action_id: name })
  }
  // Asked for even if it is not listed: the gate says why not, and its ledger has the attempt.
  const actionId = known?.actionId ?? name
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(actionId)) {
    const message = 'this is not the name of a tool: 1 to 128 characters of A-Z, a-z, 0-9, _ and -'
    return toolError({ code: 'schema_validation', message })
  }
  try {
    return succeeded(await side.client.execute(actionId, args, { signal: context.signal }))
  } catch (error) {
    if (!(error instanceof LatchGateApprovalRequired)) return refused(side, error, name)
    const { approvalId, traceId } = error
    return held(side, server, { actionId: name, approvalId, traceId }, null, context)
  }
}

async function resume(
  side: AgentSide,
  server: ProtocolServer,
  args: Arguments,
  context: CallContext,
): Promise<CallToolResult> {
  const approvalId = String(args['approval_id'])
  const seconds = typeof args['wait_seconds'] === 'number' ? args['wait_seconds'] : null
  try {
    const status = await side.client.getApprovalStatus(approvalId)
    const call = { actionId: status.actionId || RESULT_TOOL, approvalId, traceId: null }
    // A decision is there: what is left is to fetch the result, whatever the wait is set to.
    return await held(side, server, call, status.isPending ? seconds : FETCH_SECONDS, context)
  } catch (error) {
    return refused(side, error, RESULT_TOOL)
  }
}

/** Seconds that the result of a decided call may take: an action may still be executing. */
const FETCH_SECONDS = 45

async function held(
  side: AgentSide,
  server: ProtocolServer,
  call: HeldCall,
  seconds: number | null,
  context: CallContext,
): Promise<CallToolResult> {
  const wait = seconds ?? side.approvalWaitSeconds
  if (wait === 0) return stillHeld(call)
  try {
    const result = await awaitDecision(side.client, server, call, wait, context, side.log)
    return result === null ? stillHeld(call) : succeeded(result)
  } catch (error) {
    return refused(side, error, call.actionId)
  }
}

async function listPending(side: AgentSide): Promise<CallToolResult> {
  try {
    const entries = await side.client.listApprovals({ status: 'pending' })
    const shown = entries.map((entry) => ({
      approval_id: entry.approvalId,
      action_id: entry.actionId,
      status: entry.status,
      target: entry.target,
      created_at: entry.createdAt,
      expires_at: entry.expiresAt,
      reasons: entry.reasons,
    }))
    const text = JSON.stringify({ pending: shown }, null, 2)
    return { content: [{ type: 'text', text }], isError: false }
  } catch (error) {
    return refused(side, error, PENDING_TOOL)
  }
}

async function findTool({ catalogue, log }: AgentSide, name: string): Promise<ActionTool | null> {
  const byName = (tools: readonly ActionTool[]): ActionTool | undefined =>
    tools.find((one) => one.tool.name === name)
  const known = byName(catalogue.known ?? [])
  if (known !== undefined) return known
  try {
    return byName(await catalogue.current()) ?? null
  } catch (error) {
    // The call itself will fail in the same way, or the gate will check what was not checked here.
    log('debug', `no list of actions to check the arguments of a call by: ${String(error)}`)
    return null
  }
}

function refused(side: AgentSide, error: unknown, actionId: string): CallToolResult {
  return failedCall(error, actionId, side.catalogue.known?.map((one) => one.tool.name) ?? null)
}

// The output is what the model reads; evidence is for programs, in `_meta` (W-M10).
function succeeded(result: ActionResult): CallToolResult {
  const { output } = result
  const text =
    typeof output === 'string' ? output : output === null ? '(no output)' : pretty(output)
  const doubt = 'Warning: whether this call had its effect could not be verified.'
  return {
    content: [
      { type: 'text', text },
      ...(result.isFullySuccessful ? [] : [{ type: 'text' as const, text: doubt }]),
    ],
    isError: false,
    _meta: {
      'latchgate/receipt_id': result.receiptId,
      'latchgate/trace_id': result.traceId,
      'latchgate/verification': result.verification,
      ...(result.log === null ? {} : { 'latchgate/log': result.log }),
    },
  }
}

function pretty(output: unknown): string {
  return output === undefined ? '(no output)' : JSON.stringify(output, null, 2)
}
