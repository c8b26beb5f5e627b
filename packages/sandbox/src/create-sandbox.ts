import { SandboxPool } from './pool/sandbox-pool.js'
import { DEFAULT_TUNING } from './pool/tuning.js'
import type { Sandbox, SandboxOptions } from './types.js'

/**
 * Starts the worker threads of the resumable class (design 7) and waits until they answer.
 *
 * @throws Error when a worker thread cannot be started
 */
export function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  return SandboxPool.start(options, DEFAULT_TUNING)
}
