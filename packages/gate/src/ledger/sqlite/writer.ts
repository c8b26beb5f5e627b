import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { FromWriter, ToWriter, WriterData } from './commands.js'
import { HighWaterFile } from './high-water.js'
import type { CommandBatch, LogWriter } from './log-writer.js'
import { openWriter } from './open-writer.js'
import { encodeOutcomes } from './outcome-codec.js'

/** Milliseconds within which a published checkpoint reaches the high-water file. */
const HIGH_WATER_MS = 1000

// The thread that owns the database. It takes what has queued up while the last commit ran, makes
// one commit of it, answers, and looks again: no delay is ever added (notes/evidence 3).
class WriterThread {
  readonly #port: MessagePort
  readonly #writer: LogWriter
  readonly #highWater: HighWaterFile
  #marked: string
  #markedAt = performance.now()
  #timer: NodeJS.Timeout | undefined

  constructor(port: MessagePort, writer: LogWriter, highWater: HighWaterFile) {
    this.#port = port
    this.#writer = writer
    this.#highWater = highWater
    this.#marked = writer.note
    highWater.append(writer.note)
  }

  run(): void {
    this.#port.on('message', (message: ToWriter) => this.#handle(message))
  }

  #handle(first: ToWriter): void {
    try {
      let next: ToWriter | undefined = first
      while (next !== undefined) {
        const batches: CommandBatch[] = []
        while (next?.kind === 'commands') {
          batches.push(next)
          next = this.#receive()
        }
        if (batches.length > 0) this.#commit(batches)
        if (next?.kind === 'sweep') this.#sweep(next)
        if (next?.kind === 'close') return this.#close()
        next = this.#receive()
      }
    } catch (error) {
      // The connection may hold half a transaction. Nothing is tried on it again.
      this.#post({ kind: 'failed', message: String(error), batch: this.#writer.batch })
      this.#stop()
    }
  }

  #commit(batches: readonly CommandBatch[]): void {
    const { size, note, outcomes } = this.#writer.commit(batches)
    const numbers = encodeOutcomes(outcomes)
    this.#port.postMessage({ kind: 'committed', size, note, outcomes: numbers }, [numbers.buffer])
    this.#mark()
  }

  #sweep(message: Extract<ToWriter, { kind: 'sweep' }>): void {
    const swept = this.#writer.sweep(message.now)
    const { note, size } = this.#writer
    this.#post({ kind: 'swept', id: message.id, swept, note, size })
    this.#mark()
  }

  // At least once a second while checkpoints are published; never before the waiters are answered.
  #mark(): void {
    if (this.#writer.note === this.#marked) return
    const wait = this.#markedAt + HIGH_WATER_MS - performance.now()
    if (wait <= 0) return this.#append()
    this.#timer ??= setTimeout(() => this.#append(), wait)
  }

  #append(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#markedAt = performance.now()
    if (this.#writer.note === this.#marked) return
    this.#highWater.append(this.#writer.note)
    this.#marked = this.#writer.note
  }

  #close(): void {
    this.#append()
    this.#highWater.close()
    this.#writer.close()
    this.#post({ kind: 'closed' })
    this.#stop()
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#port.removeAllListeners('message')
    this.#port.close()
  }

  #receive(): ToWriter | undefined {
    return receiveMessageOnPort(this.#port)?.message as ToWriter | undefined
  }

  #post(message: FromWriter): void {
    this.#port.postMessage(message)
  }
}

function start(port: MessagePort): void {
  const data = workerData as WriterData
  let opened: ReturnType<typeof openWriter>
  let thread: WriterThread
  try {
    opened = openWriter(data)
    const highWater = HighWaterFile.open(data.highWaterPath)
    thread = new WriterThread(port, opened.writer, highWater)
  } catch (error) {
    const { name, message } = error as Error
    port.postMessage({ kind: 'refused', name, message } satisfies FromWriter)
    port.close()
    return
  }
  port.postMessage(opened.ready)
  thread.run()
}

if (parentPort !== null) start(parentPort)
