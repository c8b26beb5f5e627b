import { LatchGateClient } from 'latchgate'
import { createAgentServer } from './agent-server.js'
import { listenHttp } from './http-listener.js'
import { httpToken } from './http-token.js'
import { LineTransport } from './line-transport.js'
import type { ServeOptions } from './serve-options.js'
import { stderrLog } from './stderr-log.js'
import type { AgentSide } from './tool-call.js'
import { ToolCatalogue } from './tool-catalogue.js'

/** Serves an agent session until its input ends or a signal asks for it. */
export async function serve(options: ServeOptions): Promise<void> {
  const log = stderrLog(options.logLevel)
  const { httpPort } = options
  const http =
    httpPort === null
      ? null
      : { port: httpPort, token: httpToken(options.httpTokenFile, process.env) }
  const client = new LatchGateClient({
    ...(options.socket === null ? {} : { socket: options.socket }),
    ...(options.gateUrl === null ? {} : { baseUrl: options.gateUrl }),
    ...(options.publicBaseUrl === null ? {} : { publicBaseUrl: options.publicBaseUrl }),
    ...(options.keyFile === null ? {} : { keyFile: options.keyFile }),
    agentId: options.agentId,
  })
  const catalogue = new ToolCatalogue(client, log)
  const { approvalWaitSeconds } = options
  const side = { client, catalogue, approvalWaitSeconds, log }
  const stopPolling = catalogue.poll(options.pollSeconds)
  // A gate that is not there yet is no reason to fail: calls say so, and later ones find it.
  catalogue.refresh()
  try {
    if (http === null) await serveStdio(side, options)
    else await serveHttp(side, options, http)
  } finally {
    stopPolling()
    await client.close()
  }
}

async function serveStdio(side: AgentSide, options: ServeOptions): Promise<void> {
  const server = createAgentServer(side, options)
  const transport = new LineTransport(process.stdin, process.stdout)
  const ended = new Promise<void>((resolve) => {
    transport.onclose = resolve
  })
  await server.connect(transport)
  const stop = (): void => void transport.close()
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  await ended
  process.off('SIGTERM', stop)
  process.off('SIGINT', stop)
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
