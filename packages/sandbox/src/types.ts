/** Limits of one execution, from the manifest (design 7). */
export interface SandboxLimits {
  /** Instructions, as the metering pass charges them. */
  readonly fuel: number
  /** Linear memory in MiB. */
  readonly memoryMb: number
  /** Wall clock of the whole execution, host I/O included, in milliseconds. */
  readonly timeoutMs: number
  readonly maxIoCalls: number
  /** Bytes of the string that `execute` returns. */
  readonly maxOutputBytes: number
}

/** `http-request` of the provider world (spec 7.3). Everything in it was chosen by the module. */
export interface HostHttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
  readonly timeoutMs: number
}

/** `http-response` of the provider world. */
export interface HostHttpResponse {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

/** What the host answers to a module: a value, or the `err` string of the WIT result. */
export type HostReply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string }

/**
 * The host side of one execution. A method that throws `ExecutionAborted` ends the execution with
 * that failure: the module does not get to see it. Anything else thrown is a Fault of the gate and
 * rejects `run`.
 */
export interface SandboxHost {
  httpRequest(request: HostHttpRequest, signal: AbortSignal): Promise<HostReply<HostHttpResponse>>
  log(level: 'debug' | 'info' | 'warn', message: string): void
}

/** Thrown by a `SandboxHost` to end the execution with a failure class of its own. */
export class ExecutionAborted extends Error {
  readonly failure: string

  constructor(failure: string, message: string) {
    super(message)
    this.name = 'ExecutionAborted'
    this.failure = failure
  }
}

/** One execution. */
export interface SandboxTask {
  /** `sha256:<hex>` of the module as registered. */
  readonly module: string
  /** The argument of `execute`: JSON text. */
  readonly input: string
  /** Host interfaces the manifest declares, e.g. `latchgate:io/http`. */
  readonly imports: readonly string[]
  readonly limits: SandboxLimits
  readonly host: SandboxHost
  readonly signal?: AbortSignal
}

/** Failure classes of the sandbox itself (design 14 "provider results"). */
export type SandboxFailure =
  | 'fuel_exhausted'
  | 'memory_limit'
  | 'depth_limit'
  | 'wall_clock'
  | 'trap'
  | 'io_budget'
  | 'import_not_declared'
  | 'output_too_large'
  | 'invalid_output'
  | 'module_not_found'
  | 'cancelled'
  /** The executions together had no memory left for this one to grow. */
  | 'overloaded'
  /** The worker thread that held the execution ended or hung: what it had not reported is lost. */
  | 'worker_lost'

/** What an execution took: instructions charged, host calls, milliseconds. */
export interface SandboxMeasures {
  readonly fuelConsumed: number
  readonly ioCalls: number
  readonly durationMs: number
}

/** How an execution ended. */
export type SandboxOutcome = SandboxMeasures &
  (
    | {
        readonly ok: true
        /** `err` is the error variant of the WIT result: `output` is then its message. */
        readonly variant: 'ok' | 'err'
        readonly output: string
      }
    | {
        readonly ok: false
        /** A `SandboxFailure`, or the failure of an `ExecutionAborted` thrown by the host. */
        readonly failure: string
        readonly message: string
      }
  )

/** What registration found in a module. */
export interface RegisteredModule {
  /** `sha256:<hex>` of the bytes as given, before metering. */
  readonly digest: string
  /** Host interfaces it imports, in manifest form (`latchgate:io/http`). */
  readonly imports: readonly string[]
}

/** Bounds of the sandbox as a whole. */
export interface SandboxOptions {
  /** Worker threads that hold suspended calls; 1 or 2. Default 1. */
  readonly workers?: number
  /** Live instances over all workers; `run` rejects with `SandboxBusy` beyond. Default 512. */
  readonly maxLive?: number
  /** Total linear memory of live instances in MiB. Default 4096, at most half of the machine's. */
  readonly maxTotalMemoryMb?: number
  /** Upper bound of any module's memory in MiB. Default 256. */
  readonly memoryCapMb?: number
}

/** Thrown by `run` when no instance can be had now: nothing of the module has run. */
export class SandboxBusy extends Error {
  override readonly name = 'SandboxBusy'
}

/** Thrown by `register`: the module breaks a rule of design 7; the message names it. */
export class ModuleRefused extends Error {
  override readonly name = 'ModuleRefused'
}

/** The resumable class of design 7: first-party core modules, suspended by asyncify. */
export interface Sandbox {
  register(wasm: Uint8Array): Promise<RegisteredModule>
  run(task: SandboxTask): Promise<SandboxOutcome>
  readonly live: number
  close(): Promise<void>
}
