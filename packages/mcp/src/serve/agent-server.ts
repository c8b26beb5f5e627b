import {
  ErrorCode,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  type LoggingLevel,
  SetLevelRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { LatchGateError } from 'latchgate'
import { VERSION } from '../program-version.js'
import {
  handleResourceReads,
  handleToolCalls,
  invalid,
  ProtocolError,
  type ProtocolServer,
  protocolServer,
} from '../protocol-server.js'
import type { ActionTool } from './action-tool.js'
import { GateTooLate, withinSeconds } from './deadline.js'
import { OWN_TOOLS } from './own-tools.js'
import { type AgentSide, callTool } from './tool-call.js'
import { messageOf } from './tool-error.js'

const ACTIONS_URI = 'latchgate://actions'
const STATUS_URI = 'latchgate://status'
const LEVELS_WITH_INFO: readonly LoggingLevel[] = ['debug', 'info']

/** What a session tells of itself in `latchgate://status`. */
export interface SessionLabels {
  readonly agentId: string
  readonly sessionId: string
}

/**
 * The protocol's side of one agent session: lists and calls tools, and holds nothing that could
 * approve a call. Requests are served side by side; one that waits holds up no other.
 */
export function createAgentServer(side: AgentSide, labels: SessionLabels): ProtocolServer {
  const server = protocolServer({ tools: { listChanged: true }, resources: {}, logging: {} })
  let level: LoggingLevel = 'info'
  const wantsInfo = (): boolean => LEVELS_WITH_INFO.includes(level)
  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    level = params.level
    return {}
  })
  server.setRequestHandler(ListToolsRequestSchema, async (_request, { signal }) => ({
    tools: [...(await listTools(side, signal)).map(({ tool }) => tool), ...OWN_TOOLS],
  }))
  handleToolCalls(server, ({ name, arguments: args = {} }, context) =>
    callTool(side, { server, context, wantsInfo }, name, args),
  )
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { uri: ACTIONS_URI, name: 'Permitted Actions', mimeType: 'application/json' },
      { uri: STATUS_URI, name: 'Gate Status', mimeType: 'application/json' },
    ],
  }))
  handleResourceReads(server, async (uri, { signal }) => {
    const json =
      uri === ACTIONS_URI
        ? (await listTools(side, signal)).map(({ tool }) => tool)
        : statusOf(side, server, labels, uri)
    const text = JSON.stringify(json, null, 2)
    return { contents: [{ uri, mimeType: 'application/json', text }] }
  })
  server.onerror = (error) => side.log('warn', `protocol: ${error.message}`)
  announceChanges(side, server)
  return server
}

// Not before the client has said that it is ready: it need not understand anything earlier.
function announceChanges({ catalogue, log }: AgentSide, server: ProtocolServer): void {
  let stop: (() => void) | null = null
  server.oninitialized = () => {
    // Said twice it must not be told twice, nor be kept for ever.
    stop ??= catalogue.subscribe(() => {
      server
        .sendToolListChanged()
        .catch((error: unknown) => log('debug', `list_changed was not sent: ${String(error)}`))
    })
  }
  server.onclose = () => stop?.()
}

async function listTools(side: AgentSide, signal: AbortSignal): Promise<readonly ActionTool[]> {
  try {
    return await withinSeconds(side.gateTimeoutSeconds, signal, () => side.catalogue.current())
  } catch (error) {
    if (!(error instanceof LatchGateError || error instanceof GateTooLate)) throw error
    const why = error instanceof LatchGateError ? messageOf(error) : error.message
    throw new ProtocolError(ErrorCode.InternalError, `the gate cannot list actions: ${why}`)
  }
}

function statusOf(
  { catalogue, client }: AgentSide,
  server: ProtocolServer,
  { agentId, sessionId }: SessionLabels,
  uri: string,
): Readonly<Record<string, unknown>> {
  if (uri !== STATUS_URI) {
    throw invalid(`there is no such resource; there are ${ACTIONS_URI} and ${STATUS_URI}`)
  }
  return {
    session_id: sessionId,
    agent_id: agentId,
    gate_healthy: catalogue.isHealthy,
    gate_session_id: client.sessionId,
    adapter_version: VERSION,
    client: server.getClientVersion()?.name ?? null,
  }
}
