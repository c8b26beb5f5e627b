import { createHash } from 'node:crypto'
import { totalmem } from 'node:os'
import { meterProvider, PAGES_PER_MB } from '../meter-provider.js'
import {
  ModuleRefused,
  type RegisteredModule,
  type Sandbox,
  SandboxBusy,
  type SandboxFailure,
  type SandboxLimits,
  type SandboxOptions,
  type SandboxOutcome,
  type SandboxTask,
} from '../types.js'
import type { ToWorker } from '../worker/messages.js'
import type { PoolTuning } from './tuning.js'
import { WorkerThread } from './worker-thread.js'

/** Interfaces that this host answers. */
const PROVIDED = ['latchgate:io/http', 'latchgate:io/log']

const MAX_TOTAL_MEMORY_MB = 4096

interface LoadedModule extends RegisteredModule {
  readonly message: Extract<ToWorker, { readonly kind: 'module' }>
  readonly maxPages: number
}

/** The resumable class of design 7 on one or two worker threads. */
export class SandboxPool implements Sandbox {
  readonly #options: Required<SandboxOptions>
  readonly #tuning: PoolTuning
  readonly #modules = new Map<string, LoadedModule>()
  readonly #workers: readonly WorkerThread[]
  #lastCall = 0
  #closed = false

  private constructor(options: Required<SandboxOptions>, tuning: PoolTuning) {
    this.#options = options
    this.#tuning = tuning
    const settings = {
      maxTotalPages: Math.floor((options.maxTotalMemoryMb * PAGES_PER_MB) / options.workers),
      maxStretchMs: tuning.maxStretchMs,
    }
    this.#workers = Array.from({ length: options.workers }, () => {
      const modules = (): ToWorker[] => [...this.#modules.values()].map(({ message }) => message)
      return new WorkerThread({ settings, tuning, modules })
    })
  }

  static async start(options: SandboxOptions, tuning: PoolTuning): Promise<SandboxPool> {
    const pool = new SandboxPool(completed(options), tuning)
    await Promise.all(pool.#workers.map((worker) => worker.ready))
    return pool
  }

  get live(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.live, 0)
  }

  async register(wasm: Uint8Array): Promise<RegisteredModule> {
    // A snapshot: the digest, the checks and the program must be of the same bytes.
    const bytes = new Uint8Array(wasm)
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    const known = this.#modules.get(digest)
    const loaded = known ?? (await this.#load(bytes, digest))
    if (known === undefined) {
      this.#modules.set(digest, loaded)
      for (const worker of this.#workers) worker.post(loaded.message)
    }
    return { digest: loaded.digest, imports: loaded.imports }
  }

  async run(task: SandboxTask): Promise<SandboxOutcome> {
    const limits = boundedLimits(task.limits, this.#tuning.maxFuel)
    if (this.#closed) throw new SandboxBusy('the sandbox is closed')
    const module = this.#modules.get(task.module)
    if (module === undefined) return refusal('module_not_found', `no module ${task.module}`)
    const missing = module.imports.find(
      (one) => !task.imports.includes(one) || !PROVIDED.includes(one),
    )
    if (missing !== undefined) {
      return refusal('import_not_declared', `the module imports ${missing}`)
    }
    const memoryPages = Math.min(limits.memoryMb * PAGES_PER_MB, module.maxPages)
    if (module.message.minPages > memoryPages) {
      return refusal('memory_limit', `the memory begins with ${module.message.minPages} pages`)
    }
    if (task.signal?.aborted === true) return refusal('cancelled', 'cancelled before it began')
    if (this.live >= this.#options.maxLive) {
      throw new SandboxBusy(`${this.live} executions are live`)
    }
    this.#lastCall += 1
    return this.#idlest().start(this.#lastCall, { ...task, limits }, memoryPages).outcome
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#workers.map((worker) => worker.close()))
  }

  async #load(bytes: Uint8Array, digest: string): Promise<LoadedModule> {
    const metered = meterProvider(bytes, this.#options.memoryCapMb)
    const { imports, suspends, minPages, maxPages } = metered
    const module = await compile(metered.bytes)
    return {
      digest,
      imports,
      maxPages,
      message: { kind: 'module', digest, module, suspends, minPages },
    }
  }

  #idlest(): WorkerThread {
    return this.#workers.reduce((best, worker) => {
      if (worker.isStarted !== best.isStarted) return worker.isStarted ? worker : best
      return worker.live < best.live ? worker : best
    })
  }
}

// The engine has limits of its own, and metering makes a module larger.
async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) {
      throw new ModuleRefused(`the metered module does not compile: ${error.message}`)
    }
    throw error
  }
}

function refusal(failure: SandboxFailure, message: string): SandboxOutcome {
  return { ok: false, failure, message, fuelConsumed: 0, ioCalls: 0, durationMs: 0 }
}

function boundedLimits(limits: SandboxLimits, maxFuel: number): SandboxLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new TypeError(`limits.${name} is ${value}, not a non-negative integer`)
    }
  }
  return { ...limits, fuel: Math.min(limits.fuel, maxFuel) }
}

// Modules that use what they are allowed must not bring the gate to where the kernel ends it.
function halfOfMemoryMb(): number {
  const constrained = process.constrainedMemory()
  const bytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return Math.floor(bytes / 2 / 1_048_576)
}

function completed(options: SandboxOptions): Required<SandboxOptions> {
  const { workers = 1, maxLive = 512, memoryCapMb = 256 } = options
  const { maxTotalMemoryMb = Math.min(MAX_TOTAL_MEMORY_MB, halfOfMemoryMb()) } = options
  if (workers !== 1 && workers !== 2) throw new TypeError(`workers is ${workers}, not 1 or 2`)
  return { workers, maxLive, maxTotalMemoryMb, memoryCapMb }
}
