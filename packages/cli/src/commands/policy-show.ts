import { didYouMean } from '@latchgate/catalogue'
import type { PolicyBody, PolicyEntry, PolicyQuota } from '@latchgate/protocol'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { openPolicy } from '../policy-access.js'

/** `latchgate policy show [PRINCIPAL]`: what is in force, or of a stopped gate what the file says. */
export async function policyShowCommand(
  context: Context,
  principal: string | undefined,
): Promise<number> {
  const access = await openPolicy(context)
  const policy = await access.show()
  const { output } = context
  if (principal !== undefined) {
    const acl = entryOf(policy, principal)
    output.document({ ok: true, principal, acl })
    showPrincipal(context, policy, principal, acl)
    return 0
  }
  output.document({ ok: true, ...policy })
  const where = access.live ? 'in force' : 'in the file: no gate is running'
  output.field('version', `${policy.policy_version} (${where})`)
  for (const name of named(policy)) {
    output.line()
    showPrincipal(
      context,
      policy,
      name,
      Object.hasOwn(policy.acl, name) ? policy.acl[name] : undefined,
    )
  }
  return 0
}

// A rule may name somebody who has no entry.
function named(policy: PolicyBody): ReadonlySet<string> {
  const { acl, allowlist, require_approval, quorum, quotas } = policy
  const rules: readonly { readonly [action: string]: object }[] = [
    allowlist,
    require_approval,
    quorum,
  ]
  const inRules = rules.flatMap((one) => Object.keys(one).flatMap((action) => namesIn(one, action)))
  return new Set([...Object.keys(acl), ...inRules, ...Object.keys(quotas)])
}

function namesIn(rules: { readonly [action: string]: object }, action: string): readonly string[] {
  return Object.keys(rules[action] ?? {})
}

/** `latchgate policy list`: the principals and how many actions each may call. */
export async function policyListCommand(context: Context): Promise<number> {
  const policy = await (await openPolicy(context)).show()
  const principals = Object.entries(policy.acl).map(([principal, { allowed_actions }]) => ({
    principal,
    actions: allowed_actions.length,
  }))
  const { output } = context
  output.document({ ok: true, principals })
  output.table([
    ['principal', 'actions'],
    ...principals.map(({ principal, actions }) => [principal, String(actions)]),
  ])
  return 0
}

/** The entry of a principal; the failure otherwise names the one that was probably meant. */
export function entryOf(policy: PolicyBody, principal: string): PolicyEntry {
  const acl = Object.hasOwn(policy.acl, principal) ? policy.acl[principal] : undefined
  if (acl !== undefined) return acl
  const names = Object.keys(policy.acl)
  const message = `there is no entry of '${principal}'${didYouMean(principal, names)}`
  throw new CommandFailure('not_found', message, {
    hints: [
      "without an entry a principal has the rights of '*'",
      'list the entries with: latchgate policy list',
    ],
  })
}

function showPrincipal(
  context: Context,
  policy: PolicyBody,
  principal: string,
  acl: PolicyEntry | undefined,
): void {
  const { output } = context
  const whose = principal === '*' ? '* (everybody without an entry)' : principal
  output.field('principal', whose)
  if (acl === undefined) output.field('entry', "none: it has the rights of '*'")
  else {
    output.field('may call', listed(acl.allowed_actions))
    output.field('effects', listed(acl.allowed_sinks))
  }
  if (acl?.inherits_wildcard === true) {
    output.field("and by '*'", listed(policy.acl['*']?.allowed_actions ?? []))
  }
  const of = (rules: {
    readonly [action: string]: { readonly [who: string]: unknown }
  }): string[] =>
    Object.entries(rules).flatMap(([action, who]) =>
      Object.hasOwn(who, principal) && who[principal] !== false
        ? [who[principal] === true ? action : `${action}: ${String(who[principal])}`]
        : [],
    )
  for (const [label, rules] of [
    ['bypass', policy.allowlist],
    ['held', policy.require_approval],
    ['approvals', policy.quorum],
  ] as const) {
    const actions = of(rules)
    if (actions.length > 0) output.field(label, actions.join(', '))
  }
  const quotas = Object.hasOwn(policy.quotas, principal) ? (policy.quotas[principal] ?? []) : []
  for (const quota of quotas) output.field('quota', quotaText(quota))
}

/** A quota in words. */
export function quotaText({ calls, cost_usd_cents, window_seconds }: PolicyQuota): string {
  const limits = [
    ...(calls === undefined ? [] : [`${calls} calls`]),
    ...(cost_usd_cents === undefined ? [] : [`${cost_usd_cents} US cents`]),
  ]
  return `${limits.join(' and ')} in ${window_seconds} s`
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}
