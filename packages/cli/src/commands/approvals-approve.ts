import { type ApprovalDetail, type Learning, printable } from '@latchgate/protocol'
import { ApprovalDesk } from '../approvals/approval-desk.js'
import { findApproval } from '../approvals/find-approval.js'
import { CommandFailure, usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { findOperator } from '../operator-key.js'
import { askPerson, canAsk } from '../terminal-question.js'
import { reportDecision } from './approvals-deny.js'
import { printPlan } from './approvals-show.js'

/** How to approve. */
export interface ApproveOptions {
  readonly yes?: boolean
  readonly learnDomain?: string
  readonly learnPath?: string
  readonly everybody?: boolean
  readonly planHash?: string
}

/**
 * `latchgate approvals approve ID`: shows the plan, asks, and approves exactly the plan that was
 * shown (spec/cli-and-config 8.10, design 9).
 */
export async function approvalsApproveCommand(
  context: Context,
  given: string,
  options: ApproveOptions,
): Promise<number> {
  const { output } = context
  const wished = wishedLearning(options)
  if (options.yes !== true && !canAsk(context)) throw notConfirmed()
  const loaded = context.load()
  const desk = new ApprovalDesk(loaded, findOperator(loaded, context.options))
  const detail = await desk.detail(await findApproval(desk, given, 'pending'))
  comparePlan(detail, options.planHash)
  printPlan(context, detail)
  output.line()
  const answers = options.yes === true ? { learn: wished } : await ask(context, detail, wished)
  if (answers === 'cancelled') {
    output.info('cancelled: nothing was approved')
    return 0
  }
  return reportDecision(context, await desk.approve(detail, answers.learn), 'approve')
}

async function ask(
  context: Context,
  detail: ApprovalDetail,
  wished: Learning | null,
): Promise<{ readonly learn: Learning | null } | 'cancelled'> {
  let learn = wished
  const [domain] = detail.unresolved_domains ?? []
  if (wished === null && domain !== undefined) {
    const for_ = `${printable(detail.action_id)} by ${printable(detail.principal)}`
    const remember = await askPerson(
      context,
      `Remember '${printable(domain)}' for later calls of ${for_}? [y/N] `,
    )
    if (remember === null) return 'cancelled'
    if (/^y(es)?$/i.test(remember.trim())) learn = { domain }
  }
  if (learn !== null) context.output.warn(learningText(learn, detail))
  const answer = await askPerson(
    context,
    `Approve ${printable(detail.action_id)} of ${printable(detail.principal)} as shown? Type yes: `,
  )
  return answer?.trim() === 'yes' ? { learn } : 'cancelled'
}

// What will be remembered, and for whom: a sentence that the operator sees before he confirms.
function learningText(learn: Learning, detail: ApprovalDetail): string {
  const what = [learn.domain, learn.path].filter((one) => one !== undefined).join(' and ')
  const whom = learn.everybody === true ? 'every principal' : detail.principal
  return `after success ${what} counts as listed for ${detail.action_id} by ${whom}`
}

function wishedLearning(options: ApproveOptions): Learning | null {
  const { learnDomain: domain, learnPath: path, everybody } = options
  if (domain === undefined && path === undefined) {
    if (everybody === true) {
      throw usageFailure(
        '--everybody says for whom something is remembered: add --learn-domain or --learn-path',
      )
    }
    return null
  }
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(path === undefined ? {} : { path }),
    ...(everybody === true ? { everybody } : {}),
  }
}

// The gate compares as well; here the operator is told before anything is signed.
function comparePlan(detail: ApprovalDetail, expected: string | undefined): void {
  if (expected === undefined || expected.toLowerCase() === detail.plan_hash) return
  throw new CommandFailure(
    'plan_changed',
    `the plan of ${detail.approval_id} is ${detail.plan_hash}, not ${expected}: not approved`,
    {
      hints: [`look at it: latchgate approvals show ${detail.approval_id}`],
      fields: { approval_id: detail.approval_id, plan_hash: detail.plan_hash },
    },
  )
}

function notConfirmed(): CommandFailure {
  return new CommandFailure(
    'confirmation_needed',
    'there is nobody to ask (no terminal, or --json): nothing was approved',
    {
      hints: [
        'look first (`latchgate approvals show ID`), then confirm with --yes, best with --plan-hash',
      ],
    },
  )
}
