import { HTTP_MODULE, LOG_MODULE } from '../abi/provider-world.js'
import { METER_MODULE } from '../metering/runtime.js'
import { Execution, type LogLevel, type Step } from './execution.js'
import type { ProviderExports } from './instance.js'
import { MemoryAccount } from './memory-account.js'
import type { FromWorker, ToWorker, WorkerSettings } from './messages.js'

type ModuleMessage = Extract<ToWorker, { readonly kind: 'module' }>
type StartMessage = Extract<ToWorker, { readonly kind: 'start' }>

/** Sends a message; the buffers are handed over, not copied. */
export type Send = (message: FromWorker, transfer?: ArrayBuffer) => void

/** Holds the live executions of a worker thread, most of them suspended. */
export class Executor {
  readonly #settings: WorkerSettings
  readonly #send: Send
  readonly #memory: MemoryAccount
  readonly #modules = new Map<string, ModuleMessage>()
  readonly #executions = new Map<number, Execution>()
  readonly #imports: WebAssembly.Imports
  #current: Execution | null = null

  constructor(settings: WorkerSettings, send: Send) {
    this.#settings = settings
    this.#send = send
    this.#memory = new MemoryAccount(settings.maxTotalPages)
    this.#imports = this.#makeImports()
  }

  handle(message: ToWorker): void {
    switch (message.kind) {
      case 'module':
        this.#modules.set(message.digest, message)
        return
      case 'start':
        return this.#start(message)
      case 'reply': {
        const execution = this.#executions.get(message.call)
        // A late answer to a call that has been dropped.
        if (execution === undefined) return
        return this.#step(message.call, execution, () => execution.resume(message.reply))
      }
      case 'drop':
        this.#forget(message.call)
        this.#send({ kind: 'gone', call: message.call })
    }
  }

  #start({ call, digest, input, limits }: StartMessage): void {
    const module = this.#modules.get(digest)
    if (module === undefined) {
      this.#send({ kind: 'fault', call, error: `the worker does not have module ${digest}` })
      return
    }
    const execution = new Execution({
      limits,
      suspends: module.suspends,
      minPages: module.minPages,
      memory: this.#memory,
      maxStretchMs: this.#settings.maxStretchMs,
      now: () => performance.now(),
      log: (level, message) => this.#send({ kind: 'log', call, level, message }),
    })
    this.#executions.set(call, execution)
    // Registration has checked the exports and their types.
    const instantiate = (): ProviderExports =>
      new WebAssembly.Instance(module.module, this.#imports).exports as unknown as ProviderExports
    this.#step(call, execution, () => execution.start(instantiate, input))
  }

  #step(call: number, execution: Execution, compute: () => Step): void {
    this.#current = execution
    try {
      this.#report(call, execution, compute())
    } catch (error) {
      this.#forget(call)
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#send({ kind: 'fault', call, error: text })
    } finally {
      this.#current = null
    }
  }

  #report(call: number, execution: Execution, step: Step): void {
    const { used } = execution
    if (step.kind === 'suspended') {
      const { request } = step
      this.#send({ kind: 'request', call, used, request }, bufferOf(request.body))
      return
    }
    this.#forget(call)
    if (step.kind === 'busy') this.#send({ kind: 'busy', call, message: step.message })
    else this.#send({ kind: 'end', call, used, end: step.end })
  }

  #forget(call: number): void {
    this.#executions.get(call)?.release()
    this.#executions.delete(call)
  }

  // One set of imports for all instances: only one computes at a time, and it is `#current`.
  #makeImports(): WebAssembly.Imports {
    const current = (): Execution => {
      if (this.#current === null) throw new Error('an import was called outside any execution')
      return this.#current
    }
    const log =
      (level: LogLevel) =>
      (pointer: number, length: number): void =>
        current().log(level, pointer, length)
    return {
      [METER_MODULE]: {
        refuel: (missing: bigint) => current().refuel(missing),
        overflow: () => current().overflow(),
        grow: (pages: number, delta: number) => current().grow(pages, delta),
        exhausted: () => current().exhausted(),
      },
      [HTTP_MODULE]: {
        request: (
          method: number,
          methodLength: number,
          url: number,
          urlLength: number,
          headers: number,
          headerCount: number,
          bodyCase: number,
          body: number,
          bodyLength: number,
          timeoutMs: number,
          result: number,
        ): void => {
          current().httpRequest(
            [
              method,
              methodLength,
              url,
              urlLength,
              headers,
              headerCount,
              bodyCase,
              body,
              bodyLength,
              timeoutMs,
            ],
            result,
          )
        },
      },
      [LOG_MODULE]: { 'log-debug': log('debug'), 'log-info': log('info'), 'log-warn': log('warn') },
    }
  }
}

function bufferOf(body: Uint8Array | null): ArrayBuffer | undefined {
  return body?.buffer instanceof ArrayBuffer ? body.buffer : undefined
}
