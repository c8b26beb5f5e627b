import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The command `latchgate-mcp`. */
export const MCP_BIN: string = fileURLToPath(
  new URL('../../../../mcp/bin/latchgate-mcp.js', import.meta.url),
)

/** A JSON-RPC message as it came. */
export type Message = Readonly<Record<string, unknown>>

/**
 * One `latchgate-mcp` and its protocol, a JSON text a line, without a protocol library between: what
 * is written is what a client of any version would write.
 */
export class McpLines {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<number | null>
  readonly #waiting = new Set<(message: Message) => void>()
  readonly #unread: Message[] = []
  #last = 0
  stderr = ''

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [MCP_BIN, ...args], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
    })
    this.#ended = once(this.#child, 'close').then(([code]) => code as number | null)
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    // Whoever writes to a process that has ended hears of it by its exit code.
    this.#child.stdin.on('error', () => undefined)
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message
      this.#unread.push(message)
      for (const listener of this.#waiting) listener(message)
    })
  }

  /** The exit code. */
  get exit(): Promise<number | null> {
    return this.#ended
  }

  /** Everything that came so far. */
  get received(): readonly Message[] {
    return this.#unread
  }

  /** Writes bytes as they are. */
  write(bytes: string | Uint8Array): void {
    this.#child.stdin.write(bytes)
  }

  /** Writes one message. */
  send(message: object): void {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }

  /** The first message, of those that came or will come, that fits. */
  find(fits: (message: Message) => boolean): Promise<Message> {
    const found = this.#unread.find(fits)
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const listener = (message: Message): void => {
        if (!fits(message)) return
        this.#waiting.delete(listener)
        resolve(message)
      }
      this.#waiting.add(listener)
      void this.#ended.then((code) =>
        reject(new Error(`it ended with ${code} and without that message: ${this.stderr}`)),
      )
    })
  }

  /** The next message after those that came. */
  next(): Promise<Message> {
    const count = this.#unread.length
    return this.find((message) => this.#unread.indexOf(message) >= count)
  }

  /** Writes a request under an id of its own; its answer. */
  ask(method: string, params: object = {}): Promise<Message> {
    this.#last += 1
    const id = `ask-${this.#last}`
    this.send({ id, method, params })
    return this.find((message) => message['id'] === id && !('method' in message))
  }

  /** The handshake of a client of that version; the answer's result. */
  async initialize(protocolVersion = '2025-11-25', capabilities: object = {}): Promise<Message> {
    const clientInfo = { name: 'lines', version: '1' }
    const answer = await this.ask('initialize', { protocolVersion, capabilities, clientInfo })
    this.send({ method: 'notifications/initialized' })
    return answer['result'] as Message
  }

  /** Result of a call of a tool: its text, read as JSON where it is, and whether it is an error. */
  async call(
    name: string,
    args: object = {},
  ): Promise<{ readonly isError: boolean; readonly json: Record<string, unknown> }> {
    const { result, error } = await this.ask('tools/call', { name, arguments: args })
    if (result === undefined) throw new Error(`no result: ${JSON.stringify(error)}`)
    const { content, isError } = result as { content: { text: string }[]; isError: boolean }
    return { isError, json: JSON.parse(content[0]?.text ?? '') as Record<string, unknown> }
  }

  /** Ends the input; the exit code. */
  async end(): Promise<number | null> {
    this.#child.stdin.end()
    return this.#ended
  }

  /** Sends a signal, and does not wait. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal)
  }
}
