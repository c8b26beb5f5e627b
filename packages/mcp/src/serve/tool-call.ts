import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { LatchGateApprovalRequired, type LatchGateClient } from 'latchgate'
import { argumentFault } from '../argument-check.js'
import type { ActionTool } from './action-tool.js'
import { answered, succeeded } from './call-answer.js'
import { withinSeconds } from './deadline.js'
import { awaitDecision, type CallSession, type HeldCall, stillHeld } from './held-call.js'
import { OWN_TOOLS, PENDING_TOOL, RESULT_TOOL } from './own-tools.js'
import type { Log } from './stderr-log.js'
import type { ToolCatalogue } from './tool-catalogue.js'
import { failedCall, toolError } from './tool-error.js'

/** What calls of tools need. */
export interface AgentSide {
  readonly client: LatchGateClient
  readonly catalogue: ToolCatalogue
  /** Seconds that the gate may take for an answer. */
  readonly gateTimeoutSeconds: number
  /** Seconds that a held call is waited for; 0: the handle is given at once. */
  readonly approvalWaitSeconds: number
  readonly log: Log
}

/** Arguments of a tool. */
export type Arguments = Readonly<Record<string, unknown>>

/** What the gate said: a result, or that a human decides, which may be waited for that long. */
type Begun =
  | { readonly result: CallToolResult }
  | { readonly held: HeldCall; readonly seconds: number }

/** Seconds that the result of a decided call may take: an action may still be executing. */
const FETCH_SECONDS = 45

/**
 * One call of a tool (spec/mcp-webhooks-sandbox 1.7). A call fails as a result with `isError`, which
 * the model can read; only what nobody expected is thrown.
 */
export async function callTool(
  side: AgentSide,
  session: CallSession,
  name: string,
  args: Arguments,
): Promise<CallToolResult> {
  const { signal } = session.context
  try {
    const begun = await withinSeconds(side.gateTimeoutSeconds, signal, (limit) =>
      begin(side, name, args, limit),
    )
    if ('result' in begun) return begun.result
    const { held, seconds } = begun
    if (seconds === 0) return stillHeld(held)
    const result = await awaitDecision(side.client, session, held, seconds, side.log)
    return result === null ? stillHeld(held) : succeeded(result)
  } catch (error) {
    // Nobody reads the answer to a call that was cancelled.
    if (signal.aborted) throw error
    side.catalogue.noteFailure(error)
    return failedCall(error, name, side.catalogue.known?.map((one) => one.tool.name) ?? null)
  }
}

async function begin(
  side: AgentSide,
  name: string,
  args: Arguments,
  signal: AbortSignal,
): Promise<Begun> {
  const own = OWN_TOOLS.find((tool) => tool.name === name)
  const fault = own === undefined ? null : argumentFault(own.inputSchema, args)
  if (fault !== null) return misfit(name, fault)
  await side.catalogue.assertReachable()
  if (name === PENDING_TOOL) return { result: await listHeld(side, args) }
  if (name === RESULT_TOOL) return findHeld(side, args)
  return execute(side, name, args, signal)
}

async function execute(
  side: AgentSide,
  name: string,
  args: Arguments,
  signal: AbortSignal,
): Promise<Begun> {
  const known = await findTool(side, name)
  let fault = known === null ? null : argumentFault(known.tool.inputSchema, args)
  if (fault !== null) {
    // By a list that may be old: what the gate takes by now is not to be refused here.
    const listed = await listedTool(side, name)
    fault = listed === null ? null : argumentFault(listed.tool.inputSchema, args)
  }
  if (fault !== null) return misfit(name, fault)
  // Asked for even if it is not listed: the gate says why not, and its ledger has the attempt.
  const actionId = known?.actionId ?? name
  if (known === null && !/^[A-Za-z0-9_-]{1,128}$/.test(actionId)) {
    const message = 'this is not the name of a tool: 1 to 128 characters of A-Z, a-z, 0-9, _ and -'
    return { result: toolError({ code: 'schema_validation', message }) }
  }
  try {
    return { result: succeeded(await side.client.execute(actionId, args, { signal })) }
  } catch (error) {
    if (!(error instanceof LatchGateApprovalRequired)) throw error
    const { approvalId, traceId } = error
    const held = { actionId: name, approvalId, traceId }
    return { held, seconds: side.approvalWaitSeconds }
  }
}

async function findHeld(side: AgentSide, args: Arguments): Promise<Begun> {
  const approvalId = String(args['approval_id'])
  const wait = args['wait_seconds']
  const status = await side.client.getApprovalStatus(approvalId)
  const held = { actionId: status.actionId || RESULT_TOOL, approvalId, traceId: null }
  // A decision is there: what is left is to fetch the result, whatever the wait is set to.
  if (!status.isPending) return { held, seconds: FETCH_SECONDS }
  return { held, seconds: typeof wait === 'number' ? wait : side.approvalWaitSeconds }
}

async function listHeld(side: AgentSide, args: Arguments): Promise<CallToolResult> {
  const query = args['include_decided'] === true ? {} : { status: 'pending' }
  const entries = await side.client.listApprovals(query)
  const shown = entries.map((entry) => ({
    approval_id: entry.approvalId,
    action_id: entry.actionId,
    status: entry.status,
    target: entry.target,
    created_at: entry.createdAt,
    expires_at: entry.expiresAt,
    reasons: entry.reasons,
  }))
  return answered(query.status === undefined ? { calls: shown } : { pending: shown })
}

async function findTool(side: AgentSide, name: string): Promise<ActionTool | null> {
  return byName(side.catalogue.known ?? [], name) ?? (await listedTool(side, name))
}

async function listedTool({ catalogue, log }: AgentSide, name: string): Promise<ActionTool | null> {
  try {
    return byName(await catalogue.current(), name) ?? null
  } catch (error) {
    // The call itself will fail in the same way, or the gate will check what was not checked here.
    log('debug', `no list of actions to check the arguments of a call by: ${String(error)}`)
    return null
  }
}

function byName(tools: readonly ActionTool[], name: string): ActionTool | undefined {
  return tools.find((one) => one.tool.name === name)
}

function misfit(name: string, message: string): Begun {
  return { result: toolError({ code: 'schema_validation', message, action_id: name }) }
}
