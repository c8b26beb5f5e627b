import {
  AbiViolation,
  decodeUtf8,
  type FlatRequest,
  liftBytes,
  liftRequest,
  liftResult,
  liftShortened,
} from '../abi/lift.js'
import { lowerReply, lowerString, resultPointer } from '../abi/lower.js'
import { prepareSuspension, SUSPENSION_DATA, suspensionFault } from '../abi/suspension.js'
import { FUEL_EXPORT, type Meter } from '../metering/runtime.js'
import type { HostHttpRequest, HostHttpResponse, HostReply } from '../types.js'
import { ExecutionStop } from './execution-stop.js'
import { ALLOWANCE, FuelBudget } from './fuel-budget.js'
import {
  NORMAL,
  type ProviderExports,
  REWINDING,
  type SuspendingExports,
  UNWINDING,
} from './instance.js'
import type { MemoryAccount } from './memory-account.js'
import type { ExecutionEnd, ExecutionLimits, Used } from './messages.js'
import { jsonFault } from './output-json.js'

/** What the module is doing. Only while it is `running` may it call the host. */
type Phase =
  | 'starting'
  | 'lowering'
  | 'running'
  | 'unwinding'
  | 'suspended'
  | 'rewinding'
  | 'ending'

/** How far a computation has come. */
export type Step =
  | { readonly kind: 'suspended'; readonly request: HostHttpRequest }
  | { readonly kind: 'end'; readonly end: ExecutionEnd }
  | { readonly kind: 'busy'; readonly message: string }

const MAX_LOG_MESSAGES = 256
const MAX_LOG_BYTES = 4096

/** Levels of `io-log`. */
export type LogLevel = 'debug' | 'info' | 'warn'

/** What an execution needs of its worker. */
export interface ExecutionContext {
  readonly limits: ExecutionLimits
  readonly suspends: boolean
  readonly minPages: number
  readonly memory: MemoryAccount
  readonly maxStretchMs: number
  readonly now: () => number
  log(level: LogLevel, message: string): void
}

/** One call of one module in an instance of its own, from `cabi_realloc` to its last answer. */
export class Execution implements Meter {
  readonly #context: ExecutionContext
  readonly #budget: FuelBudget
  #phase: Phase = 'starting'
  #exports: SuspendingExports | null = null
  #input: readonly [pointer: number, length: number] = [0, 0]
  #request: HostHttpRequest | null = null
  #reply: HostReply<HostHttpResponse> | null = null
  #resultPointer = 0
  /** The call's own tank while the module runs on an allowance. */
  #tankAside: bigint | null = null
  #pages = 0
  #growthRefused: string | null = null
  #ioCalls = 0
  #logMessages = 0

  constructor(context: ExecutionContext) {
    const { limits, maxStretchMs, now } = context
    this.#context = context
    this.#budget = new FuelBudget(limits.fuel, Math.min(maxStretchMs, limits.timeoutMs), now)
  }

  get used(): Used {
    // Without exports the start function has trapped, and what was granted to it counts as used.
    const tank = this.#tankAside ?? this.#exports?.[FUEL_EXPORT].value ?? 0n
    return { fuelConsumed: this.#budget.consumed(tank), ioCalls: this.#ioCalls }
  }

  /** Makes the instance and computes until the first suspension or the end. */
  start(instantiate: () => ProviderExports, input: string): Step {
    if (!this.#context.memory.reserve(this.#context.minPages)) {
      return { kind: 'busy', message: 'the memory of all executions together is used up' }
    }
    this.#pages = this.#context.minPages
    return this.#compute(() => {
      // Registration has checked that those of asyncify are there if the module suspends.
      const exports = instantiate() as SuspendingExports
      this.#exports = exports
      this.#phase = 'lowering'
      this.#input = lowerString(exports.memory, exports.cabi_realloc, input)
      this.#phase = 'running'
      return this.#returned(exports, exports.execute(...this.#input))
    })
  }

  /** Hands the host's answer to the suspended module and goes on. */
  resume(reply: HostReply<HostHttpResponse>): Step {
    return this.#compute(() => {
      const exports = this.#instance()
      this.#reply = reply
      this.#phase = 'rewinding'
      this.#useAllowance(exports)
      exports.asyncify_start_rewind(SUSPENSION_DATA)
      this.#require(exports, REWINDING)
      return this.#returned(exports, exports.execute(...this.#input))
    })
  }

  /** Gives its memory back to the account; the engine frees it when nothing refers to it. */
  release(): void {
    this.#context.memory.release(this.#pages)
    this.#pages = 0
    this.#exports = null
  }

  refuel(missing: bigint): bigint {
    return this.#budget.grant(missing)
  }

  overflow(): never {
    throw new ExecutionStop('depth_limit', 'the calls are nested too deeply')
  }

  grow(pages: number, delta: number): number {
    const more = delta >>> 0
    const wanted = (pages >>> 0) + more
    if (wanted > this.#context.limits.memoryPages) {
      this.#growthRefused = `${wanted} pages, ${this.#context.limits.memoryPages} are allowed`
      return 0
    }
    // A module that went on would do what it does not do on another day, and its failure would be
    // called its own.
    if (!this.#context.memory.reserve(more)) {
      throw new ExecutionStop('overloaded', 'the memory of all executions together is used up')
    }
    this.#pages += more
    return 1
  }

  exhausted(): never {
    throw new ExecutionStop('overloaded', 'the engine had no memory within the limit')
  }

  /** The import `io-http#request`: the module calls it twice, before and after the suspension. */
  httpRequest(flat: FlatRequest, result: number): void {
    const exports = this.#instance()
    if (this.#phase === 'rewinding') return this.#deliver(exports)
    this.#mayCallHost()
    if (this.#ioCalls >= this.#context.limits.maxIoCalls) {
      throw new ExecutionStop('io_budget', `more than ${this.#ioCalls} host calls`)
    }
    this.#ioCalls += 1
    this.#resultPointer = resultPointer(exports.memory, result)
    this.#request = liftRequest(exports.memory, flat)
    this.#useAllowance(exports)
    prepareSuspension(exports.memory)
    exports.asyncify_start_unwind(SUSPENSION_DATA)
    this.#require(exports, UNWINDING)
    this.#phase = 'unwinding'
  }

  /** The imports of `io-log`. */
  log(level: LogLevel, pointer: number, length: number): void {
    const { memory } = this.#instance()
    this.#mayCallHost()
    this.#logMessages += 1
    if (this.#logMessages > MAX_LOG_MESSAGES) return
    this.#context.log(level, liftShortened(memory, pointer, length, MAX_LOG_BYTES))
  }

  #deliver(exports: SuspendingExports): void {
    const reply = this.#reply
    if (reply === null) throw new ExecutionStop('trap', 'the module asked twice for one answer')
    this.#reply = null
    exports.asyncify_stop_rewind()
    this.#require(exports, NORMAL)
    this.#useOwnTank(exports)
    this.#phase = 'lowering'
    lowerReply(exports.memory, exports.cabi_realloc, reply, this.#resultPointer)
    this.#phase = 'running'
  }

  // The value that `execute` returns means something only in the normal state.
  #returned(exports: SuspendingExports, value: number): Step {
    if (this.#phase === 'unwinding') return this.#suspend(exports)
    if (this.#phase !== 'running') throw new ExecutionStop('trap', 'the module left its host call')
    if (this.#context.suspends) this.#require(exports, NORMAL)
    return { kind: 'end', end: this.#finish(exports, value) }
  }

  #suspend(exports: SuspendingExports): Step {
    this.#require(exports, UNWINDING)
    const fault = suspensionFault(exports.memory)
    if (fault === 'overflow') {
      throw new ExecutionStop('depth_limit', 'the frames do not fit the suspension area')
    }
    if (fault === 'damaged') throw new ExecutionStop('trap', 'the suspension area was written to')
    exports.asyncify_stop_unwind()
    this.#require(exports, NORMAL)
    const request = this.#request
    if (request === null) throw new ExecutionStop('trap', 'the module suspended without a request')
    this.#request = null
    this.#phase = 'suspended'
    return { kind: 'suspended', request }
  }

  #finish(exports: SuspendingExports, value: number): ExecutionEnd {
    this.#phase = 'ending'
    const { variant, pointer, length } = liftResult(exports.memory, value)
    const { maxOutputBytes } = this.#context.limits
    if (length > maxOutputBytes) {
      throw new ExecutionStop('output_too_large', `${length} bytes, at most ${maxOutputBytes}`)
    }
    const output = readOutput(liftBytes(exports.memory, pointer, length, 'result'))
    const fault = variant === 'ok' ? jsonFault(output) : null
    if (fault !== null) throw new ExecutionStop('invalid_output', `the module returned ${fault}`)
    this.#useAllowance(exports)
    exports.cabi_post_execute(value)
    if (this.#context.suspends) this.#require(exports, NORMAL)
    return { ok: true, variant, output }
  }

  #compute(step: () => Step): Step {
    this.#budget.beginStretch()
    try {
      return step()
    } catch (error) {
      return this.#failed(error)
    }
  }

  // What stopped the execution is known from what was thrown and counted here, never from the text
  // of an engine.
  #failed(error: unknown): Step {
    if (error instanceof ExecutionStop) return failure(error.failure, error.message)
    if (error instanceof AbiViolation) return failure('trap', error.message)
    if (error instanceof WebAssembly.RuntimeError) {
      if (this.#phase === 'unwinding' && suspensionFault(this.#instance().memory) === 'overflow') {
        return failure('depth_limit', 'the frames do not fit the suspension area')
      }
      return this.#growthRefused === null
        ? failure('trap', error.message)
        : failure('memory_limit', this.#growthRefused)
    }
    if (!(error instanceof RangeError)) throw error
    if (this.#phase === 'starting') return { kind: 'busy', message: error.message }
    // The engine's own stack: behind the depth limit, and not at the same place on every machine.
    return failure('depth_limit', 'the calls are nested too deeply for the engine')
  }

  #instance(): SuspendingExports {
    if (this.#exports === null) throw new ExecutionStop('trap', 'a host call in the start function')
    return this.#exports
  }

  #mayCallHost(): void {
    if (this.#phase !== 'running') {
      throw new ExecutionStop('trap', `a host call while ${this.#phase}`)
    }
  }

  #require(exports: SuspendingExports, state: number): void {
    const found = exports.asyncify_get_state()
    if (found !== state) {
      throw new ExecutionStop('trap', `the module is in state ${found}, not ${state}`)
    }
  }

  #useAllowance(exports: SuspendingExports): void {
    this.#tankAside ??= exports[FUEL_EXPORT].value
    this.#budget.closed = true
    exports[FUEL_EXPORT].value = ALLOWANCE
  }

  #useOwnTank(exports: SuspendingExports): void {
    if (this.#tankAside !== null) exports[FUEL_EXPORT].value = this.#tankAside
    this.#tankAside = null
    this.#budget.closed = false
  }
}

function failure(name: Extract<ExecutionEnd, { ok: false }>['failure'], message: string): Step {
  return { kind: 'end', end: { ok: false, failure: name, message } }
}

function readOutput(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes, 'output')
  } catch (error) {
    if (error instanceof AbiViolation) throw new ExecutionStop('invalid_output', error.message)
    throw error
  }
}
