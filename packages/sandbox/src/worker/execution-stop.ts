import type { SandboxFailure } from '../types.js'

/**
 * Ends an execution. It is thrown out of an import, through the module's frames: the opcodes that
 * could catch it are not on the whitelist.
 */
export class ExecutionStop extends Error {
  override readonly name = 'ExecutionStop'
  readonly failure: SandboxFailure

  constructor(failure: SandboxFailure, message: string) {
    super(message)
    this.failure = failure
  }
}
