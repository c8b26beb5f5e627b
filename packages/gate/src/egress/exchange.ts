import type { Dispatcher } from 'undici'
import type { Cutoff } from './cutoff.js'
import { connectFailure, type EgressFailure, exchangeFailure } from './egress-failure.js'
import { MAX_HEADER_BYTES, type PinnedConnection } from './pinned-connection.js'
import { parseResponseHead, type ResponseHead } from './response-head.js'

// RFC 9110 15.2 sets no number; a peer could send them for ever.
const MAX_INTERIM_ANSWERS = 8

/** What became of one request on one connection. */
export interface ExchangeOutcome {
  /** False: no byte was handed to the socket. */
  readonly sent: boolean
  /** Known as soon as the header block was read, even if it could not be used. */
  readonly status: number | null
  readonly failure: EgressFailure | null
  readonly head: ResponseHead | null
  /** As received, still coded. */
  readonly body: Buffer
}

/** What an exchange may take, and the host that its messages name. */
export interface ExchangeLimits {
  readonly host: string
  /** Cap on the decoded body. */
  readonly maxResponseBytes: number
}

/** Sends one request, reads one answer. The connection is good for another one iff no failure. */
export function exchange(
  connection: PinnedConnection,
  options: Dispatcher.DispatchOptions,
  limits: ExchangeLimits,
  cutoff: Cutoff,
): Promise<ExchangeOutcome> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(connection, limits, resolve)
    connection.dispatch(options, handler)
    cutoff.whenCut(() => handler.fail(cutoff.failure))
  })
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #connection: PinnedConnection
  readonly #limits: ExchangeLimits
  readonly #resolve: (outcome: ExchangeOutcome) => void
  readonly #chunks: Buffer[] = []
  #received = 0
  #maxBytes: number
  #interim = 0
  #sent = false
  #settled = false
  #status: number | null = null
  #head: ResponseHead | null = null

  constructor(
    connection: PinnedConnection,
    limits: ExchangeLimits,
    resolve: (outcome: ExchangeOutcome) => void,
  ) {
    this.#connection = connection
    this.#limits = limits
    this.#maxBytes = limits.maxResponseBytes
    this.#resolve = resolve
  }

  // Called right before the bytes go out.
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) return controller.abort(new Error('the call has ended'))
    this.#sent = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) {
      this.#interim += 1
      if (this.#interim > MAX_INTERIM_ANSWERS) this.#failProtocol('sends only interim answers')
      return
    }
    this.#status = status
    const head = parseResponseHead(status, rawList(controller.rawHeaders))
    if (!head.ok) return this.#failProtocol(head.error)
    this.#head = head.value
    // Coding may lengthen what cannot be compressed; the decoder holds to the cap itself.
    if (head.value.codings.length > 0) this.#maxBytes += (this.#maxBytes >> 10) + 1_024
    if ((head.value.contentLength ?? 0) > this.#maxBytes) this.#failTooLarge()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return
    this.#received += chunk.length
    if (this.#received > this.#maxBytes) return this.#failTooLarge()
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    // The client takes a reset for the end of a body that lasts until the connection closes.
    const { fault } = this.#connection
    if (fault !== null) return this.onResponseError(null, fault)
    this.#settle(null)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const { host } = this.#limits
    this.fail(
      this.#sent
        ? exchangeFailure(error, host, MAX_HEADER_BYTES)
        : connectFailure(error, host, this.#connection.address),
    )
  }

  /** Ends the exchange and the connection. */
  fail(failure: EgressFailure): void {
    if (this.#settled) return
    this.#settle(failure)
    void this.#connection.destroy()
  }

  #failProtocol(problem: string): void {
    this.fail({
      type: 'upstream_protocol',
      message: `the answer of ${this.#limits.host} ${problem}`,
    })
  }

  #failTooLarge(): void {
    this.fail(tooLarge(this.#limits))
  }

  #settle(failure: EgressFailure | null): void {
    if (this.#settled) return
    this.#settled = true
    this.#resolve({
      sent: this.#sent,
      status: this.#status,
      failure,
      head: this.#head,
      body: failure === null ? joined(this.#chunks, this.#received) : Buffer.alloc(0),
    })
    this.#chunks.length = 0
  }
}

/** The body, coded or decoded, is over the cap. */
export function tooLarge({ host, maxResponseBytes }: ExchangeLimits): EgressFailure {
  const message = `the answer of ${host} is longer than ${maxResponseBytes} bytes`
  return { type: 'response_too_large', message }
}

// Memory of its own: the chunks are slices of buffers that the socket's other reads live in.
function joined(chunks: readonly Buffer[], length: number): Buffer {
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(body, at)
  return body
}

function rawList(raw: unknown): readonly (string | Uint8Array)[] {
  return Array.isArray(raw) ? (raw as readonly (string | Uint8Array)[]) : []
}
