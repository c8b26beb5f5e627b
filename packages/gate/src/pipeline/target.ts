import { resolveTarget, type TargetFault } from '@latchgate/catalogue'
import type { Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import type { Targeted, Validated } from './call.js'
import { MAX_VARIABLE_BYTES, variableBytes } from './record-size.js'

/**
 * Resolves the template to the one request that this call may make. One whose receipt would not fit
 * into a record is refused: its effect could not be recorded.
 */
export function resolveCallTarget(call: Validated): Result<Targeted, Refusal> {
  const target = resolveTarget(call.registered.manifest, call.arguments)
  if (!target.ok) return unresolved(target.error)
  const bytes = variableBytes(call.registered.manifest, target.value)
  if (bytes > MAX_VARIABLE_BYTES) {
    const message = `the request takes ${bytes} bytes in a record, at most ${MAX_VARIABLE_BYTES}: shorten the URL`
    return unresolved({ path: '', message })
  }
  return { ok: true, value: { ...call, target: target.value } }
}

function unresolved({ path, message }: TargetFault): {
  readonly ok: false
  readonly error: Refusal
} {
  const text = `${path === '' ? '/' : path} ${message}`
  return {
    ok: false,
    error: refuse('schema_violation', {
      message: text,
      body: { reason: text, path },
      detail: `template resolution failed: ${text}`,
    }),
  }
}
