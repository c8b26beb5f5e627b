import { LineTransport } from './line-transport.js'
import type { ProtocolServer } from './protocol-server.js'

/** Serves one session over stdin and stdout until the input ends or a signal asks for it. */
export async function serveStdio(server: ProtocolServer): Promise<void> {
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
