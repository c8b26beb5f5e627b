import type { Readable, Writable } from 'node:stream'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  type JSONRPCMessage,
  JSONRPCMessageSchema,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js'

/** Bytes of the longest line, newline included (spec/mcp-webhooks-sandbox 1.3). */
export const MAX_LINE_BYTES: number = 16 * 1024 * 1024
const NEWLINE = 0x0a
/** How long answers may take once nobody asks any more. */
const LAST_ANSWERS_MS = 2_000

const PARSE_ERROR = { code: -32700, message: 'not a JSON-RPC message' } as const

/**
 * The protocol over two streams, a JSON text a line. What is no message is answered with an error
 * and skipped: a client that sends garbage does not end the session, and a line that is too long is
 * dropped without being kept. The end of the input ends the session, after the answers under way.
 */
export class LineTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #input: Readable
  readonly #output: Writable
  readonly #unanswered = new Set<RequestId>()
  #chunks: Buffer[] = []
  #length = 0
  #isOversize = false
  #isEnded = false
  #isClosed = false
  #lastAnswers: NodeJS.Timeout | undefined

  constructor(input: Readable, output: Writable) {
    this.#input = input
    this.#output = output
  }

  async start(): Promise<void> {
    this.#input.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#input.on('end', () => this.#end())
    // Without an end before it: whoever wrote is gone all the same.
    this.#input.on('close', () => this.#end())
    this.#input.on('error', (error) => this.onerror?.(error))
    // Nobody reads the answers any more.
    this.#output.on('error', () => void this.close())
  }

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#write(JSON.stringify(message))
    if (!('method' in message) && message.id !== undefined) this.#answered(message.id)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#lastAnswers)
    this.#input.destroy()
    this.onclose?.()
  }

  #take(chunk: Buffer): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end === -1) break
      this.#append(chunk.subarray(start, end), 1)
      this.#line()
      start = end + 1
    }
    this.#append(chunk.subarray(start), 0)
  }

  #append(part: Buffer, newline: number): void {
    this.#length += part.length
    if (this.#length + newline > MAX_LINE_BYTES) {
      this.#isOversize = true
      this.#chunks = []
    }
    if (!this.#isOversize && part.length > 0) this.#chunks.push(part)
  }

  #line(): void {
    const bytes = Buffer.concat(this.#chunks)
    const isOversize = this.#isOversize
    this.#chunks = []
    this.#length = 0
    this.#isOversize = false
    if (isOversize) {
      this.#refuse(null, {
        ...PARSE_ERROR,
        message: `a line is longer than ${MAX_LINE_BYTES} bytes`,
      })
      return
    }
    const message = this.#parse(bytes)
    if (message === null) return
    if ('method' in message && 'id' in message) this.#unanswered.add(message.id)
    // A call that was cancelled gets no answer.
    if ('method' in message && message.method === 'notifications/cancelled') {
      const id = (message.params as { readonly requestId?: unknown } | undefined)?.requestId
      if (typeof id === 'string' || typeof id === 'number') this.#answered(id)
    }
    this.onmessage?.(message)
  }

  #parse(bytes: Buffer): JSONRPCMessage | null {
    let json: unknown
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      if (text.trim() === '') return null
      json = JSON.parse(text)
    } catch {
      // Not UTF-8 or not JSON: said to the client; the text itself is not repeated anywhere.
      this.#refuse(null, PARSE_ERROR)
      return null
    }
    const parsed = JSONRPCMessageSchema.safeParse(json)
    if (parsed.success) return parsed.data
    const why = Array.isArray(json) ? ': batches are not taken, send a message a line' : ''
    this.#refuse(idOf(json), { code: -32600, message: `not a JSON-RPC 2.0 request${why}` })
    return null
  }

  #refuse(id: RequestId | null, error: { readonly code: number; readonly message: string }): void {
    this.onerror?.(new Error(error.message))
    void this.#write(JSON.stringify({ jsonrpc: '2.0', id, error }))
  }

  #write(line: string): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#output.write(`${line}\n`, () => resolve())
    })
  }

  #end(): void {
    if (this.#isEnded) return
    if (this.#length > 0) this.#line()
    this.#isEnded = true
    if (this.#unanswered.size === 0) void this.close()
    else this.#lastAnswers = setTimeout(() => void this.close(), LAST_ANSWERS_MS)
  }

  #answered(id: RequestId): void {
    this.#unanswered.delete(id)
    if (this.#isEnded && this.#unanswered.size === 0) void this.close()
  }
}

function idOf(json: unknown): RequestId | null {
  if (typeof json !== 'object' || json === null) return null
  const { id } = json as { readonly id?: unknown }
  return typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id)) ? id : null
}
