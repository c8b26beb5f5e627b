// `McpServer`, which the library points to instead, takes schemas as zod objects written in a
// program; ours are JSON Schemas that a gate sends. This is the "advanced use" it keeps the class for.
/* oxlint-disable typescript/no-deprecated */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { ServerCapabilities } from '@modelcontextprotocol/sdk/types.js'
import { VERSION } from './program-version.js'

/** The protocol's side of one session. */
export type ProtocolServer = Server

/** A session that can do what `capabilities` says, under the name of this program. */
export function protocolServer(capabilities: ServerCapabilities): ProtocolServer {
  return new Server({ name: 'latchgate-mcp', version: VERSION }, { capabilities })
}
