import type { SecretBinding } from '@latchgate/catalogue'
import type { Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import { checkBindings } from '../secrets/binding.js'
import { injectSecrets } from '../secrets/injection.js'
import type { Secret } from '../secrets/port.js'
import type { Services } from '../services.js'
import type { Targeted } from './call.js'
import { policyDenied } from './policy-denied.js'

/**
 * Fetches the secrets that policy approved and the manifest declares, and refuses before anything is
 * durable when one is missing, is not bound to this destination, or cannot be put into the request.
 */
export async function obtainSecrets(
  services: Services,
  call: Targeted,
  approved: readonly string[],
): Promise<Result<ReadonlyMap<string, Secret>, Refusal>> {
  const bindings = call.registered.manifest.secrets
  const declared = bindings.filter((binding) => approved.includes(binding.name))
  const withheld = bindings.find((one) => one.required && !approved.includes(one.name))
  if (withheld !== undefined) {
    return policyDenied(call, `required secret '${withheld.name}' was not approved by policy`)
  }
  const values = await fetchSecrets(services, call, declared)
  if (!values.ok) return values
  const missing = declared.filter((one) => one.required && !values.value.has(one.name))
  if (missing.length > 0) {
    const names = missing.map((one) => one.name).join(', ')
    const prefix = services.config.secrets.env_prefix
    const hint = `set ${prefix}${missing[0]?.name ?? ''} in the environment of the gate`
    return policyDenied(call, `required secret is missing: ${names}`, { detail: hint })
  }
  const present = declared.filter((one) => values.value.has(one.name))
  if (present.length === 0) return values
  const bound = checkBindings(call.target, present, {
    hosts: services.config.secrets.hosts,
    unsafeResolve: services.config.egress.unsafe_resolve,
  })
  if (!bound.ok) return policyDenied(call, bound.error.reason, { detail: bound.error.detail })
  // Tried once before the intent: a value that cannot be injected must not consume a grant.
  const tried = injectSecrets(call.target, bindings, values.value, services.now)
  if (!tried.ok) {
    return { ok: false, error: refuse('secrets_unavailable', { detail: tried.error }) }
  }
  return values
}

async function fetchSecrets(
  services: Services,
  call: Targeted,
  declared: readonly SecretBinding[],
): Promise<Result<ReadonlyMap<string, Secret>, Refusal>> {
  const values = new Map<string, Secret>()
  try {
    for (const { name } of declared) {
      const secret = await services.secrets.get(name)
      if (secret !== undefined) values.set(name, secret)
    }
  } catch (error) {
    // The text of a source's failure is for the log: it may quote what it read.
    services.log.error({ trace_id: call.traceId, err: error }, 'the secret source failed')
    return { ok: false, error: refuse('secrets_unavailable', { detail: 'secret source failed' }) }
  }
  return { ok: true, value: values }
}
