import { type CompiledPolicy, defaultPolicy } from '@latchgate/policy'
import type { Json, JsonObject } from '@latchgate/protocol'
import { type PolicyData, type Quota, validatePolicyData } from './data-document.js'
import { type Decision, type PolicyEngine, PolicyFault, type PolicyInput } from './engine.js'
import { interpretDecision } from './interpret-decision.js'
import { policyDataDigest } from './policy-document.js'
import { type CompiledRules, compileRules, RegoEvaluator } from './rego-evaluator.js'

/**
 * Growth at which an evaluator is replaced. The memory of an instance never shrinks: one large input
 * would otherwise be paid for until the gate ends.
 */
const RECYCLE_ABOVE_BYTES = 4 << 20

/**
 * The embedded engine (spec/pipeline 5.7): `policy` compiled to WebAssembly, on `data`. Throws
 * `PolicyDataError` when the data document is not valid.
 */
export function createRegoEngine(
  data: JsonObject,
  policy: CompiledPolicy = defaultPolicy(),
): RegoEngine {
  return new RegoEngine(data, policy)
}

/** The embedded engine. A decision is synchronous inside: no evaluator sees two documents. */
export class RegoEngine implements PolicyEngine {
  readonly digest: string
  readonly #unread: readonly string[]
  readonly #rules: CompiledRules
  #data: PolicyData
  #dataDigest: string
  #evaluator: RegoEvaluator | null
  #closed = false

  constructor(data: JsonObject, policy: CompiledPolicy) {
    this.digest = policy.digest
    this.#unread = policy.unread
    this.#rules = compileRules(policy.wasm)
    this.#data = validatePolicyData(data)
    this.#dataDigest = policyDataDigest(this.#data)
    this.#evaluator = this.#instantiate(this.#data)
  }

  get dataDigest(): string {
    return this.#dataDigest
  }

  get version(): string {
    return this.#data.policy_version
  }

  /** Bytes of memory of the evaluator in use. */
  get memoryBytes(): number {
    return this.#evaluator?.memoryBytes ?? 0
  }

  async decide(input: PolicyInput): Promise<Decision> {
    const read: Record<string, Json> = { ...input }
    for (const member of this.#unread) delete read[member]
    return interpretDecision(this.#evaluate(read), input)
  }

  quotasOf(principal: string): readonly Quota[] {
    const { quotas } = this.#data.latchgate
    const who = Object.hasOwn(quotas, principal) ? principal : '*'
    return (Object.hasOwn(quotas, who) ? quotas[who] : undefined) ?? []
  }

  async healthy(): Promise<boolean> {
    try {
      this.#evaluate({})
      return true
    } catch (error) {
      if (error instanceof PolicyFault) return false
      throw error
    }
  }

  setData(data: JsonObject): void {
    if (this.#closed) throw closed()
    const next = validatePolicyData(data)
    const digest = policyDataDigest(next)
    // Built first: when the document does not fit, the old evaluator goes on.
    this.#evaluator = this.#instantiate(next)
    this.#data = next
    this.#dataDigest = digest
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#evaluator = null
  }

  #instantiate(data: PolicyData): RegoEvaluator {
    try {
      return new RegoEvaluator(this.#rules, data)
    } catch (error) {
      throw fault('the rules and their data could not be loaded', error)
    }
  }

  #evaluate(input: JsonObject): unknown {
    if (this.#closed) throw closed()
    this.#evaluator ??= this.#instantiate(this.#data)
    const evaluator = this.#evaluator
    try {
      const result = evaluator.evaluate(input)
      if (evaluator.grownBytes > RECYCLE_ABOVE_BYTES) this.#evaluator = null
      return result
    } catch (error) {
      // Its memory may be half-written: a later decision from it could be a wrong one.
      this.#evaluator = null
      throw fault('the evaluator failed', error)
    }
  }
}

function closed(): PolicyFault {
  return new PolicyFault('policy_engine_unavailable', 'the engine is closed')
}

// The SDK throws texts as well as errors.
function fault(what: string, cause: unknown): PolicyFault {
  return new PolicyFault('policy_engine_unavailable', `${what}: ${String(cause)}`)
}
