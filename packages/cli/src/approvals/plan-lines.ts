import type { ApprovalDetail, EgressProfile, Json, PlannedTarget } from '@latchgate/protocol'
import { cellText, wrapCells, wrapWords } from '../cells.js'
import { holdReasonText } from './hold-reasons.js'
import { checkPlanHash, hasPlan, type PlanHashCheck } from './plan-hash.js'
import { remainingTime } from './remaining-time.js'

/** How a line is meant, for terminals with colours. */
export type Tone = 'plain' | 'title' | 'dim' | 'warn' | 'bad' | 'good' | 'selected'

/** A line of the screen: no control characters, at most the columns that were asked for. */
export interface ScreenLine {
  readonly text: string
  readonly tone: Tone
}

/** How a plan is laid out. */
export interface PlanLayout {
  /** Columns, at least 24. */
  readonly width: number
  /** Unix milliseconds. */
  readonly now: number
  /** Bytes of the arguments, and of the body, that are laid out. Default: all. */
  readonly limitBytes?: number
}

const LABEL_WIDTH = 13
// Before every line of the agent's own text and before no other: what an agent writes cannot look
// like a line of this program.
const GUTTER = '│ '

/** A held call as its operator must see it: everything that would leave, and what would not show. */
export function planLines(detail: ApprovalDetail, layout: PlanLayout): readonly ScreenLine[] {
  const page = new Page(layout)
  page.line(`Approval ${detail.approval_id}`, 'title')
  const isPending = detail.status === 'pending'
  page.row('state', stateText(detail, layout.now), isPending ? 'plain' : 'warn')
  for (const [label, value] of endedRows(detail)) page.row(label, value)
  const risk = isHarmful(detail.risk_level) ? 'bad' : 'plain'
  page.row(
    'action',
    `${detail.action_id} ${detail.action_version}, risk ${detail.risk_level}`,
    risk,
  )
  page.row('principal', principalText(detail))
  for (const reason of detail.reasons) page.row('held because', holdReasonText(reason), 'warn')
  if (hasPlan(detail)) planRows(page, detail)
  else page.row('request', `${detail.target} (the rest of the plan is not kept any more)`)
  page.row('session', detail.session_id)
  page.row('trace', detail.trace_id)
  page.row('request hash', detail.request_hash)
  return page.lines
}

function planRows(page: Page, detail: ApprovalDetail): void {
  const { plan, hidden } = detail
  const { target } = plan
  page.exact('request', `${target.method} ${target.url}`, 'title')
  for (const [name, value] of target.headers) page.exact('header', `${name}: ${value}`)
  page.row('secrets', secretsText(detail.approved_secrets))
  page.row('effects', detail.approved_targets.join(', '))
  page.row('may connect', connectText(detail.approved_egress))
  for (const one of detail.unresolved_domains ?? []) page.exact('not listed', one, 'warn')
  for (const one of detail.unresolved_paths ?? []) page.exact('not listed', one, 'warn')
  for (const pointer of hidden) {
    const what = pointer === '' ? 'all arguments' : `${pointer} of the arguments`
    page.row('hidden', `${what}: sensitive, not shown`, 'warn')
  }
  page.row('arguments', '')
  page.block(JSON.stringify(plan.arguments, null, 2), detail.approval_id)
  page.row('body', bodyText(target))
  if (target.body !== null) page.block(target.body, detail.approval_id)
  page.row('approvals', approvalsText(detail))
  page.row('verified by', detail.verifier_kind)
  page.row('provider', detail.provider_module_digest)
  page.row('budget', budgetText(detail))
  for (const name of ['policy', 'limits'] as const) {
    const value: Json | undefined = plan[name]
    if (value !== undefined) page.row(name, JSON.stringify(value))
  }
  const check = checkPlanHash(detail)
  page.row('plan hash', detail.plan_hash)
  page.row('', HASH_WORDS[check], check === 'differs' ? 'bad' : 'plain')
}

const HASH_WORDS: Readonly<Record<PlanHashCheck, string>> = {
  matches: 'computed here from what is shown: the same',
  differs: 'COMPUTED HERE FROM WHAT IS SHOWN: ANOTHER ONE. Not to be approved',
  hidden: 'not computed here: members are hidden',
}

/** State and what remains of the time, in a few words. */
export function stateText(
  { status, expires_at: expiresAt }: Pick<ApprovalDetail, 'status' | 'expires_at'>,
  now: number,
): string {
  if (status === 'claimed') return 'approved, executing'
  if (status !== 'pending') return status
  const remaining = remainingTime(expiresAt, now)
  return remaining === 'expired' ? 'pending, but its time is over' : `pending, ${remaining} left`
}

class Page {
  readonly lines: ScreenLine[] = []
  readonly #width: number
  readonly #limitBytes: number

  constructor({ width, limitBytes = Number.POSITIVE_INFINITY }: PlanLayout) {
    this.#width = width
    this.#limitBytes = limitBytes
  }

  line(text: string, tone: Tone = 'plain'): void {
    for (const part of wrapCells(cellText(text), this.#width)) this.lines.push({ text: part, tone })
  }

  /** A label and a sentence that may be anybody's; broken at spaces, under itself. */
  row(label: string, value: string, tone: Tone = 'plain'): void {
    this.#labelled(label, wrapWords(cellText(value), this.#valueWidth), tone)
  }

  /** The same for what leaves: every space of it counts. */
  exact(label: string, value: string, tone: Tone = 'plain'): void {
    this.#labelled(label, wrapCells(cellText(value), this.#valueWidth), tone)
  }

  /** Text of the agent, line by line. What is left out is said, with the way to see it. */
  block(text: string, approvalId: string): void {
    const shown = beginning(text, this.#limitBytes)
    for (const line of shown.split('\n')) {
      for (const part of wrapCells(cellText(line), this.#width - GUTTER.length - 2)) {
        this.lines.push({ text: `  ${GUTTER}${part}`.trimEnd(), tone: 'plain' })
      }
    }
    const leftOut = Buffer.byteLength(text) - Buffer.byteLength(shown)
    if (leftOut === 0) return
    const how = `all of it: latchgate approvals show ${approvalId}`
    this.row('LEFT OUT', `${leftOut} bytes; ${how}`, 'bad')
  }

  get #valueWidth(): number {
    return this.#width - LABEL_WIDTH - 2
  }

  #labelled(label: string, parts: readonly string[], tone: Tone): void {
    for (const [i, part] of parts.entries()) {
      const head = (i === 0 ? label : '').padEnd(LABEL_WIDTH)
      this.lines.push({ text: `  ${head}${part}`.trimEnd(), tone })
    }
  }
}

// At most so many UTF-8 bytes, and no half of a character.
function beginning(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text
  const encoded = Buffer.from(text)
  if (encoded.length <= bytes) return text
  let end = bytes
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return encoded.subarray(0, end).toString()
}

/** True for a risk that stands out on the screen. */
export function isHarmful(risk: string): boolean {
  return risk === 'high' || risk === 'critical'
}

function endedRows(detail: ApprovalDetail): readonly (readonly [string, string])[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['decided by', detail.claimed_by],
    ['claimed at', detail.claimed_at],
    ['ended at', detail.completed_at],
    ['receipt', detail.receipt_id],
    ['reason', detail.deny_reason],
    ['failed', detail.error_code],
  ]
  return rows.filter((row): row is readonly [string, string] => row[1] !== undefined)
}

function principalText({ principal, owner }: ApprovalDetail): string {
  return owner === undefined ? principal : `${principal} (owner ${owner})`
}

function secretsText(names: readonly string[]): string {
  return names.length === 0 ? 'none' : `${names.join(', ')}: put in by the gate, not shown`
}

function approvalsText({ approved_by: by, approvals, required, quorum }: ApprovalDetail): string {
  const names = by.length === 0 ? '' : ` (${by.join(', ')})`
  const others = quorum.distinct_from_requester ? '; not by who asked' : ''
  return `${approvals} of ${required}${names}${others}`
}

function connectText(egress: EgressProfile): string {
  const listed = egress === 'none' ? [] : egress.proxy_allowlist.allowed_domains
  return listed.length === 0 ? 'nowhere' : listed.join(', ')
}

function bodyText({ body, body_bytes: bytes, body_sha256: sha256 }: PlannedTarget): string {
  if (bytes === 0) return 'none'
  const what = body === null ? 'bytes that are no text, not shown' : 'bytes'
  return sha256 === null ? `${bytes} ${what}` : `${bytes} ${what}, ${sha256}`
}

function budgetText({ budget_snapshot: budget }: ApprovalDetail): string {
  const { calls_remaining: before, policy_approved_calls_after: after } = budget
  if (before === null) return 'unlimited'
  return `${before} calls left, ${after === null ? 'unlimited' : after} after this one`
}
