import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** The compiled rules and what identifies them. */
export interface CompiledPolicy {
  /** WebAssembly module of OPA's ABI 1, entry point `latchgate/decision`. */
  readonly wasm: Uint8Array
  /** `sha256:` and 64 hex digits, over the module; it is in every record of a decision. */
  readonly digest: string
  /**
   * Members of the input that the rules do not read, to be left out of it. `params` is what an agent
   * wrote: a megabyte of it, in the wrong shape, costs an evaluator a second and 60 MiB.
   */
  readonly unread: readonly string[]
}

const ASSETS = new URL('../../assets/', import.meta.url)

/**
 * The default policy (design 6). Throws when the module on disk is not the one whose digest was
 * committed with it: rules that nobody reviewed must not decide.
 */
export function defaultPolicy(): CompiledPolicy {
  return verifyPolicy(
    readFileSync(new URL('policy.wasm', ASSETS)),
    readFileSync(new URL('digests.json', ASSETS), 'utf8'),
  )
}

/** Compares a module with the digest document beside it; throws when they do not belong together. */
export function verifyPolicy(wasm: Uint8Array, digests: string): CompiledPolicy {
  const expected: unknown = (JSON.parse(digests) as { 'policy.wasm'?: unknown })['policy.wasm']
  const digest = `sha256:${createHash('sha256').update(wasm).digest('hex')}`
  if (digest === expected) return { wasm, digest, unread: ['params'] }
  throw new Error(
    `policy.wasm has the digest ${digest}, but digests.json says ${String(expected)}: ` +
      'install @latchgate/policy again',
  )
}
