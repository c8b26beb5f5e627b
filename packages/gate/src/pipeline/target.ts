import { resolveTarget } from '@latchgate/catalogue'
import type { Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import type { Targeted, Validated } from './call.js'

/** Resolves the template to the one request that this call may make. */
export function resolveCallTarget(call: Validated): Result<Targeted, Refusal> {
  const target = resolveTarget(call.registered.manifest, call.arguments)
  if (target.ok) return { ok: true, value: { ...call, target: target.value } }
  const { path, message } = target.error
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
