import type { JsonObject } from '@latchgate/protocol'
import * as opa from '@open-policy-agent/opa-wasm'

/**
 * Pages of 64 KiB that one evaluator may have: 64 MiB. Beyond it an evaluation aborts, within half a
 * second; with twice as much, an array of half a million numbers took more than one.
 */
const MAX_PAGES = 1024

// The ES module of the SDK has the synchronous loader on its default object only.
const loadPolicySync = (opa as unknown as { readonly default: typeof opa }).default.loadPolicySync

// The type library of Node 20 does not declare WebAssembly.
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => CompiledRules
}

/** A compiled policy, from which evaluators are instantiated. */
export type CompiledRules = object

/** Compiles a policy module; throws when it is not WebAssembly. */
export function compileRules(wasm: Uint8Array): CompiledRules {
  const api = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }
  return new api.WebAssembly.Module(wasm)
}

/**
 * One instance of the rules with one data document in its memory. After `evaluate` or the
 * constructor threw, the memory is in an unknown state: throw the evaluator away.
 */
export class RegoEvaluator {
  readonly #policy: opa.LoadedPolicy
  readonly #baseline: number

  constructor(rules: CompiledRules, data: JsonObject) {
    // The declared types know byte sources only; the implementation takes modules too.
    this.#policy = loadPolicySync(rules as unknown as Uint8Array, {
      initial: 5,
      maximum: MAX_PAGES,
    })
    this.#policy.setData(data)
    this.#baseline = this.memoryBytes
  }

  /** Size of the instance's memory, which never shrinks. */
  get memoryBytes(): number {
    return (this.#policy.mem as { readonly buffer: ArrayBuffer }).buffer.byteLength
  }

  /** Bytes that evaluations added to the memory. */
  get grownBytes(): number {
    return this.memoryBytes - this.#baseline
  }

  /** The value of the entry point, or `undefined` when no rule gives one. Throws what the SDK throws. */
  evaluate(input: JsonObject): unknown {
    const results: unknown = this.#policy.evaluate(input)
    if (!Array.isArray(results)) throw new TypeError('the evaluator returned no result set')
    const [first] = results as readonly { readonly result?: unknown }[]
    return first?.result
  }
}
