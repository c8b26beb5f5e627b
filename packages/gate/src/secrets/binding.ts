import { parseDestination, type SecretBinding, type Target } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'

/** What the operator configured about destinations. */
export interface BindingRules {
  /** `[secrets.hosts]`: secret → `host` or `host:port`; without a port, the scheme's. */
  readonly hosts: Readonly<Record<string, readonly string[]>>
  /** `[egress.unsafe_resolve]`, by `host:port`. */
  readonly unsafeResolve: Readonly<Record<string, string>>
}

/** Why a secret may not go where the call goes; `detail` says what to configure. */
export interface BindingRefusal {
  readonly reason: 'secret_not_bound_to_host' | 'secret_requires_tls'
  readonly detail: string
}

/**
 * Whether every one of the secrets may be sent to the target (design 8): to an origin that its
 * manifest lists, or, where the host comes from the caller, to a host that the operator bound it to.
 * The host itself decides, not a name above it, and learning a domain changes nothing here: an agent
 * that can choose the host would otherwise choose who gets the secret.
 */
export function checkBindings(
  target: Target,
  bindings: readonly SecretBinding[],
  rules: BindingRules,
): Result<void, BindingRefusal> {
  if (bindings.length === 0) return ok(undefined)
  const parsed = parseDestination(target.url)
  if (!parsed.ok) return err({ reason: 'secret_not_bound_to_host', detail: parsed.error })
  const { scheme, host, port } = parsed.value
  const origin = new URL(target.url).origin
  const isDefaultPort = port === (scheme === 'https' ? 443 : 80)
  const written = isDefaultPort ? [host, `${host}:${port}`] : [`${host}:${port}`]
  for (const { name, to } of bindings) {
    const allowed = to ?? bound(rules.hosts, name)
    if (to === null ? allowed.some((one) => written.includes(one)) : allowed.includes(origin)) {
      continue
    }
    const detail =
      to === null
        ? `${name} may not be sent to ${written[0]}: the operator binds it in the configuration ` +
          `with [secrets.hosts] ${name} = ["${written[0]}"]`
        : `${name} may not be sent to ${origin}: its manifest says ${to.join(', ')}`
    return err({ reason: 'secret_not_bound_to_host', detail })
  }
  if (scheme === 'https' || Object.hasOwn(rules.unsafeResolve, `${host}:${port}`)) {
    return ok(undefined)
  }
  const detail = `a secret is sent over https only, and the target is ${origin}`
  return err({ reason: 'secret_requires_tls', detail })
}

function bound(hosts: BindingRules['hosts'], name: string): readonly string[] {
  return Object.hasOwn(hosts, name) ? (hosts[name] ?? []) : []
}
