import {
  CallToolRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { LatchGateError } from 'latchgate'
import { VERSION } from '../program-version.js'
import { type ProtocolServer, protocolServer } from '../protocol-server.js'
import type { ActionTool } from './action-tool.js'
import { OWN_TOOLS } from './own-tools.js'
import { type AgentSide, callTool } from './tool-call.js'

const ACTIONS_URI = 'latchgate://actions'
const STATUS_URI = 'latchgate://status'

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
  const { catalogue, log } = side
  const server = protocolServer({ tools: { listChanged: true }, resources: {}, logging: {} })
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: [...(await listTools(side)).map(({ tool }) => tool), ...OWN_TOOLS],
  }))
  server.setRequestHandler(CallToolRequestSchema, ({ params }, context) =>
    callTool(side, server, params.name, params.arguments ?? {}, context),
  )
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { uri: ACTIONS_URI, name: 'Permitted Actions', mimeType: 'application/json' },
      { uri: STATUS_URI, name: 'Gate Status', mimeType: 'application/json' },
    ],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    const json = await readResource(side, server, labels, uri)
    const text = JSON.stringify(json, null, 2)
    return { contents: [{ uri, mimeType: 'application/json', text }] }
  })
  server.onerror = (error) => log('warn', `protocol: ${error.message}`)
  // Not before the client has said that it is ready: it need not understand anything earlier.
  server.oninitialized = () => {
    const stop = catalogue.subscribe(() => {
      server
        .sendToolListChanged()
        .catch((error: unknown) => log('debug', `list_changed was not sent: ${String(error)}`))
    })
    server.onclose = stop
  }
  return server
}

async function listTools({ catalogue }: AgentSide): Promise<readonly ActionTool[]> {
  try {
    return await catalogue.current()
  } catch (error) {
    if (!(error instanceof LatchGateError)) throw error
    throw new McpError(ErrorCode.InternalError, `the gate cannot list actions: ${error.message}`)
  }
}

async function readResource(
  side: AgentSide,
  server: ProtocolServer,
  { agentId, sessionId }: SessionLabels,
  uri: string,
): Promise<unknown> {
  if (uri === ACTIONS_URI) return (await listTools(side)).map(({ tool }) => tool)
  if (uri === STATUS_URI) {
    return {
      session_id: sessionId,
      agent_id: agentId,
      gate_healthy: side.catalogue.isHealthy,
      gate_session_id: side.client.sessionId,
      adapter_version: VERSION,
      client: server.getClientVersion()?.name ?? null,
    }
  }
  throw new McpError(
    ErrorCode.InvalidParams,
    `there is no such resource; there are ${ACTIONS_URI} and ${STATUS_URI}`,
  )
}
