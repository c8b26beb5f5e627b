// `McpServer`, which the library points to instead, takes schemas as zod objects written in a
// program; ours are JSON Schemas that a gate sends. This is the "advanced use" it keeps the class for.
/* oxlint-disable typescript/no-deprecated */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  type CallToolRequest,
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ReadResourceRequestSchema,
  type ReadResourceResult,
  ResultSchema,
  type ServerCapabilities,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'
import { VERSION } from './program-version.js'

/** The protocol's side of one session. */
export type ProtocolServer = Server

/** What the protocol gives the handler of one request. */
export type RequestContext = RequestHandlerExtra<ServerRequest, ServerNotification>

// With its own schemas the library answers parameters of another type with -32603, an error of the
// server, and the words of its parser. With these every object passes, and is looked at here.
const AnyCall = CallToolRequestSchema.extend({ params: ResultSchema.optional() })
const AnyRead = ReadResourceRequestSchema.extend({ params: ResultSchema.optional() })

/** A session that can do what `capabilities` says, under the name of this program. */
export function protocolServer(capabilities: ServerCapabilities): ProtocolServer {
  return new Server({ name: 'latchgate-mcp', version: VERSION }, { capabilities })
}

/** Handles `tools/call`; parameters of another type are answered with -32602. */
export function handleToolCalls(
  server: ProtocolServer,
  call: (params: CallToolRequest['params'], context: RequestContext) => Promise<CallToolResult>,
): void {
  // The library has looked at them by then: for this method it does so once more, as it should.
  server.setRequestHandler(AnyCall, (request, context) =>
    call(CallToolRequestSchema.parse(request).params, context),
  )
}

/** Handles `resources/read`; parameters of another type are answered with -32602. */
export function handleResourceReads(
  server: ProtocolServer,
  read: (uri: string, context: RequestContext) => Promise<ReadResourceResult>,
): void {
  server.setRequestHandler(AnyRead, async (request, context) => {
    const uri = request.params?.['uri']
    if (typeof uri === 'string') return read(uri, context)
    throw invalid('resources/read takes `uri`, a text')
  })
}

/**
 * An error of the protocol: what a handler throws to have a request answered with its code and exactly
 * its message. The library's own class puts `MCP error …` before the message, and so does the client that
 * receives it.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** An error of the request, not of the server. */
export function invalid(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.InvalidParams, message)
}
