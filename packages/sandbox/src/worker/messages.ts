import type { HostHttpRequest, HostHttpResponse, HostReply, SandboxFailure } from '../types.js'

/** What one execution may use; all of it counted in the worker. */
export interface ExecutionLimits {
  readonly fuel: number
  readonly memoryPages: number
  readonly timeoutMs: number
  readonly maxIoCalls: number
  readonly maxOutputBytes: number
}

/** Main thread to worker. Messages travel in batches: an array a post. */
export type ToWorker =
  | {
      readonly kind: 'module'
      readonly digest: string
      readonly module: WebAssembly.Module
      readonly suspends: boolean
      readonly minPages: number
    }
  | {
      readonly kind: 'start'
      readonly call: number
      readonly digest: string
      readonly input: string
      readonly limits: ExecutionLimits
    }
  | {
      readonly kind: 'reply'
      readonly call: number
      readonly reply: HostReply<HostHttpResponse>
    }
  | { readonly kind: 'drop'; readonly call: number }

/** What a call has used so far: instructions charged, host calls. */
export interface Used {
  readonly fuelConsumed: number
  readonly ioCalls: number
}

/** How a call ended in the worker. */
export type ExecutionEnd =
  | { readonly ok: true; readonly variant: 'ok' | 'err'; readonly output: string }
  | { readonly ok: false; readonly failure: SandboxFailure; readonly message: string }

/** Worker to main thread. After `end`, `busy`, `fault` and `gone` the worker has forgotten the call. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'request'
      readonly call: number
      readonly used: Used
      readonly request: HostHttpRequest
    }
  | {
      readonly kind: 'log'
      readonly call: number
      readonly level: 'debug' | 'info' | 'warn'
      readonly message: string
    }
  | { readonly kind: 'end'; readonly call: number; readonly used: Used; readonly end: ExecutionEnd }
  | { readonly kind: 'busy'; readonly call: number; readonly message: string }
  | { readonly kind: 'fault'; readonly call: number; readonly error: unknown }
  | { readonly kind: 'gone'; readonly call: number }

/** What `start` and the worker's constructor agree on. */
export interface WorkerSettings {
  /** Pages of 64 KiB that the live instances of this worker may have together. */
  readonly maxTotalPages: number
  /** Longest computation without a break, in milliseconds. */
  readonly maxStretchMs: number
}
