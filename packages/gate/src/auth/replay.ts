import type { Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import type { State } from '../state/port.js'

/**
 * Remembers a proof whose signature and claims are good: the second use is refused, and so is
 * everything while the memory cannot be reached or has no room.
 */
export async function rememberProof(
  state: State,
  proof: Parameters<State['rememberProof']>[0],
): Promise<Result<void, Refusal>> {
  let verdict: Awaited<ReturnType<State['rememberProof']>>
  try {
    verdict = await state.rememberProof(proof)
  } catch (error) {
    return { ok: false, error: refuse('replay_cache_unavailable', { detail: String(error) }) }
  }
  if (verdict === 'fresh') return { ok: true, value: undefined }
  if (verdict === 'replayed') {
    const detail = `replay detected: jti ${proof.jti} already seen`
    return { ok: false, error: refuse('replay_detected', { detail }) }
  }
  return { ok: false, error: refuse('replay_cache_unavailable', { detail: 'replay memory full' }) }
}
