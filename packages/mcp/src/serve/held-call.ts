import { printable } from '@latchgate/protocol'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { type ActionResult, LatchGateApprovalTimeout, type LatchGateClient } from 'latchgate'
import type { ProtocolServer, RequestContext } from '../protocol-server.js'
import { RESULT_TOOL } from './own-tools.js'
import type { Log } from './stderr-log.js'
import { toolError } from './tool-error.js'

/** The session and the request of one call. */
export interface CallSession {
  readonly server: ProtocolServer
  readonly context: RequestContext
  /** Whether the client wants messages of level `info`. */
  readonly wantsInfo: () => boolean
}

/** A call that waits for an operator. */
export interface HeldCall {
  readonly actionId: string
  readonly approvalId: string
  readonly traceId: string | null
}

const PROGRESS_EVERY_MS = 5_000

/**
 * Waits for the decision on a held call, saying so meanwhile, and gives the call's result; null when
 * there is no decision after `seconds`. Throws what `waitForApproval` throws.
 */
export async function awaitDecision(
  client: LatchGateClient,
  session: CallSession,
  held: HeldCall,
  seconds: number,
  log: Log,
): Promise<ActionResult | null> {
  const { signal } = session.context
  const ended = new AbortController()
  const stop = reportProgress(held, session, log)
  inform(held, session, AbortSignal.any([ended.signal, signal]), log)
  try {
    return await client.waitForApproval(held.approvalId, { timeoutMs: seconds * 1000, signal })
  } catch (error) {
    if (error instanceof LatchGateApprovalTimeout) return null
    throw error
  } finally {
    stop()
    ended.abort()
  }
}

/** The answer to a call that is still held: the handle with which to come back. */
export function stillHeld({ actionId, approvalId, traceId }: HeldCall): CallToolResult {
  return toolError({
    code: 'pending_approval',
    message:
      `'${actionId}' waits for a human operator; nothing has been executed. Do not repeat the call: ` +
      `call ${RESULT_TOOL} with this approval_id to get its result. Tell your user: an operator, never ` +
      // Not the command that approves: what has a shell might run it.
      `you, looks at the call with \`latchgate approvals show ${approvalId}\` and decides.`,
    action_id: actionId,
    approval_id: approvalId,
    ...(traceId === null ? {} : { trace_id: traceId }),
  })
}

function reportProgress(held: HeldCall, { context }: CallSession, log: Log): () => void {
  const progressToken = context._meta?.progressToken
  if (progressToken === undefined) return () => undefined
  let progress = 0
  const send = (): void => {
    const params = { progressToken, progress, message: waiting(held) }
    progress += 1
    context
      .sendNotification({ method: 'notifications/progress', params })
      .catch((error: unknown) => log('debug', `progress was not sent: ${String(error)}`))
  }
  send()
  const timer = setInterval(send, PROGRESS_EVERY_MS)
  return () => clearInterval(timer)
}

// Only to inform. Whatever the client answers is not looked at: it speaks for the agent's side, and
// who asks for a call must not be able to approve it.
function inform(held: HeldCall, session: CallSession, signal: AbortSignal, log: Log): void {
  const { server, context, wantsInfo } = session
  const text = `${waiting(held)} To decide, an operator runs: latchgate approvals approve ${held.approvalId}`
  if (wantsInfo()) {
    const params = { level: 'info', logger: 'latchgate-mcp', data: text } as const
    context
      .sendNotification({ method: 'notifications/message', params })
      .catch((error: unknown) => log('debug', `the client was not told: ${String(error)}`))
  }
  if (server.getClientCapabilities()?.elicitation === undefined) return
  server
    .elicitInput(
      { message: text, requestedSchema: { type: 'object', properties: {} } },
      { signal, timeout: 2 ** 31 - 1, relatedRequestId: context.requestId },
    )
    .catch((error: unknown) => log('debug', `elicitation ended: ${String(error)}`))
}

function waiting({ actionId, approvalId }: HeldCall): string {
  return printable(`The call of '${actionId}' waits for approval ${approvalId}.`)
}
