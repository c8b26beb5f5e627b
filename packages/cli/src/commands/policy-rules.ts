import { didYouMean } from '@latchgate/catalogue'
import {
  allowlistEdit,
  policyDataPath,
  quorumEdit,
  quotaEdit,
  requireApprovalEdit,
} from '@latchgate/gate'
import type { PolicyQuota } from '@latchgate/protocol'
import { CommandFailure, usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { findListener, occupied } from '../listener.js'
import {
  askAsOperator,
  openPolicy,
  type PolicyAccess,
  RENEW_DATA,
  sayUnrecorded,
} from '../policy-access.js'
import { quotaText } from './policy-show.js'

/** `latchgate policy require-approval ACTION`. */
export async function policyRequireApprovalCommand(
  context: Context,
  action: string,
  options: { readonly principal?: string; readonly approvals?: string; readonly remove?: boolean },
): Promise<number> {
  const principal = options.principal ?? '*'
  const remove = options.remove === true
  if (remove && options.approvals !== undefined) {
    throw usageFailure('--remove takes the number of approvals back too: leave --approvals out')
  }
  const approvals =
    options.approvals === undefined ? null : wholeNumber('--approvals', options.approvals)
  const access = await openPolicy(context)
  const { output } = context
  if (remove) await takeBack(access, action, principal)
  else {
    // The stronger first: what fails in between leaves a call held rather than free.
    if (approvals !== null) await setQuorum(access, action, principal, approvals)
    await access.change(requirement('POST', action, principal))
  }
  output.document({
    ok: true,
    action_id: action,
    principal,
    required: !remove,
    ...(approvals === null ? {} : { approvals }),
    recorded: access.live,
  })
  const whom = principal === '*' ? 'everybody' : `'${principal}'`
  output.success(
    remove
      ? `'${action}' no longer needs an approval by rule for ${whom}`
      : `'${action}' needs ${approvals === null ? 'an approval' : `${approvals} approval(s)`} for ${whom}`,
  )
  await warnOfUnknown(context, access, principal)
  sayUnrecorded(context, access)
  return 0
}

/** `latchgate policy allowlist ACTION PRINCIPAL [--remove]`. */
export async function policyAllowlistCommand(
  context: Context,
  action: string,
  principal: string,
  options: { readonly remove?: boolean },
): Promise<number> {
  const remove = options.remove === true
  const access = await openPolicy(context)
  await access.change({
    method: remove ? 'DELETE' : 'POST',
    endpoint: 'allowlist',
    body: { action_id: action, agent_id: principal },
    edit: allowlistEdit(remove ? 'remove' : 'add', { actionId: action, agentId: principal }),
  })
  const { output } = context
  output.document({
    ok: true,
    action_id: action,
    agent_id: principal,
    bypass: !remove,
    recorded: access.live,
  })
  output.success(
    remove
      ? `the risk of '${action}' needs an approval again for '${principal}'`
      : `'${principal}' may call '${action}' without the approval that its risk needs`,
  )
  await warnOfUnknown(context, access, principal)
  sayUnrecorded(context, access)
  return 0
}

/** `latchgate policy quota PRINCIPAL`. */
export async function policyQuotaCommand(
  context: Context,
  principal: string,
  options: {
    readonly calls?: string
    readonly costCents?: string
    readonly window?: string
    readonly clear?: boolean
  },
): Promise<number> {
  const limits = {
    ...(options.calls === undefined ? {} : { calls: wholeNumber('--calls', options.calls) }),
    ...(options.costCents === undefined
      ? {}
      : { cost_usd_cents: wholeNumber('--cost-cents', options.costCents) }),
  }
  const isLimit = Object.keys(limits).length > 0
  const clear = options.clear === true
  if (clear === isLimit)
    throw usageFailure('give --calls, --cost-cents or both with --window, or --clear')
  if (isLimit && options.window === undefined)
    throw usageFailure('--window is missing, e.g. --window 1h')
  const window = options.window === undefined ? null : seconds(options.window)
  const access = await openPolicy(context)
  const policy = await access.show()
  const before = Object.hasOwn(policy.quotas, principal) ? (policy.quotas[principal] ?? []) : []
  // One quota a window: the one that was there is replaced.
  const others = window === null ? [] : before.filter((one) => one.window_seconds !== window)
  const quotas: readonly PolicyQuota[] =
    clear || window === null ? others : [...others, { ...limits, window_seconds: window }]
  await access.change({
    method: 'POST',
    endpoint: 'quota',
    body: { principal, quotas },
    edit: quotaEdit(principal, quotas),
  })
  const { output } = context
  output.document({ ok: true, principal, quotas, recorded: access.live })
  output.success(`'${principal}' has ${quotas.length === 0 ? 'no quota' : 'these quotas'}`)
  for (const quota of quotas) output.field('quota', quotaText(quota))
  await warnOfUnknown(context, access, principal)
  sayUnrecorded(context, access)
  return 0
}

/** `latchgate policy reload`: the running gate loads manifests, policy data, agents and issuers again. */
export async function policyReloadCommand(context: Context): Promise<number> {
  const loaded = context.load()
  const listener = await findListener(loaded)
  if (listener.kind === 'nobody') {
    throw new CommandFailure('gate_not_running', 'no gate is running: there is nothing to reload', {
      hints: ['start it with: latchgate up -d (it loads what is there)'],
    })
  }
  if (listener.kind !== 'this_gate') throw occupied(loaded, listener)
  const body = await askAsOperator(context, loaded, { method: 'POST', path: '/v1/admin/reload' })
  const { output } = context
  output.document(body)
  output.success(`reloaded: ${String(body['actions'])} actions`)
  if (body['policy_version'] === '') {
    output.warn(`there is no ${policyDataPath(loaded.root)}: every call is denied`)
    output.hint(RENEW_DATA)
  } else output.field('version', String(body['policy_version']))
  return 0
}

type Change = Parameters<PolicyAccess['change']>[0]

function requirement(method: 'POST' | 'DELETE', action: string, principal: string): Change {
  return {
    method,
    endpoint: 'require-approval',
    body: { action_id: action, principal },
    edit: requireApprovalEdit(method === 'POST' ? 'add' : 'remove', {
      actionId: action,
      principal,
    }),
  }
}

async function setQuorum(
  access: PolicyAccess,
  action: string,
  principal: string,
  approvals: number,
): Promise<void> {
  await access.change({
    method: 'POST',
    endpoint: 'quorum',
    body: { action_id: action, principal, approvals },
    edit: quorumEdit({ actionId: action, principal, approvals }),
  })
}

// The rule, and the number of approvals where one was set.
async function takeBack(access: PolicyAccess, action: string, principal: string): Promise<void> {
  const { quorum } = await access.show()
  const counted = Object.hasOwn(quorum, action) ? (quorum[action] ?? {}) : {}
  if (Object.hasOwn(counted, principal)) {
    await setQuorum(access, action, principal, 1)
    const { require_approval } = await access.show()
    const rules = Object.hasOwn(require_approval, action) ? (require_approval[action] ?? {}) : {}
    if (!Object.hasOwn(rules, principal)) return
  }
  await access.change(requirement('DELETE', action, principal))
}

// A rule for a name that nobody has restrains nobody.
async function warnOfUnknown(
  context: Context,
  access: PolicyAccess,
  principal: string,
): Promise<void> {
  const names = Object.keys((await access.show()).acl)
  if (principal === '*' || names.includes(principal)) return
  context.output.warn(`'${principal}' has no entry${didYouMean(principal, names)}`)
}

function wholeNumber(option: string, text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text)
  throw usageFailure(`${option} must be a whole number, is '${text}'`)
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function seconds(text: string): number {
  const [, count, unit] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) {
    throw usageFailure(`--window must be a number and s, m, h or d, e.g. 1h, is '${text}'`)
  }
  return Number(count) * (UNITS[unit] ?? 1)
}
