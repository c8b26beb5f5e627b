import { LatchGateClient } from 'latchgate'
import { serveStdio } from '../stdio-session.js'
import { createAgentServer } from './agent-server.js'
import { listenHttp } from './http-listener.js'
import { httpToken } from './http-token.js'
import { identityTokenSource } from './identity-token.js'
import type { ServeOptions } from './serve-options.js'
import { stderrLog } from './stderr-log.js'
import type { AgentSide } from './tool-call.js'
import { ToolCatalogue } from './tool-catalogue.js'

/** What requests over a socket name as their host. */
const SOCKET_BASE = 'http://localhost'

/** Serves an agent session until its input ends or a signal asks for it. */
export async function serve(options: ServeOptions): Promise<void> {
  const log = stderrLog(options.logLevel)
  const { httpPort } = options
  const http =
    httpPort === null
      ? null
      : { port: httpPort, token: httpToken(options.httpTokenFile, process.env) }
  const client = clientOf(options)
  const catalogue = new ToolCatalogue(client, options.gateUrl ?? SOCKET_BASE, log)
  const { approvalWaitSeconds, gateTimeoutSeconds } = options
  const side = { client, catalogue, approvalWaitSeconds, gateTimeoutSeconds, log }
  // A gate that is not there yet is no reason to fail: calls say so, and later ones find it.
  const stopPolling = catalogue.poll(options.pollSeconds)
  try {
    if (http === null) await serveStdio(createAgentServer(side, options))
    else await serveHttp(side, options, http)
  } finally {
    stopPolling()
    // Not `client.close()`, which waits for answers: a gate that hangs would keep this process, and
    // nobody is left to hear it.
    await client.httpDispatcher.destroy()
  }
}

function clientOf(options: ServeOptions): LatchGateClient {
  const { socket, gateUrl, publicBaseUrl, keyFile, agentId, gateTimeoutSeconds } = options
  const identityToken = identityTokenSource(options)
  return new LatchGateClient({
    ...(socket === null ? {} : { socket }),
    ...(gateUrl === null ? {} : { baseUrl: gateUrl }),
    ...(publicBaseUrl === null ? {} : { publicBaseUrl }),
    ...(keyFile === null ? {} : { keyFile }),
    ...(identityToken === null ? {} : { identityToken }),
    agentId,
    timeoutMs: gateTimeoutSeconds * 1000,
  })
}

async function serveHttp(
  side: AgentSide,
  options: ServeOptions,
  { port, token }: { readonly port: number; readonly token: string },
): Promise<void> {
  const listener = await listenHttp(side, options, token, port)
  process.stderr.write(`latchgate-mcp: listening on ${listener.url}\n`)
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  await listener.close()
}
