import type { LoadedConfig } from '@latchgate/gate'
import type {
  AlreadyDecidedResponse,
  ApprovalDetail,
  ApprovalListBody,
  ApproveRequest,
  ApproveResponse,
  AttestationClaims,
  DenyRequest,
  DenyResponse,
  Learning,
  QuorumPendingResponse,
} from '@latchgate/protocol'
import { signAttestation, uuidv4 } from '@latchgate/protocol/node'
import { CommandFailure } from '../command-failure.js'
import { askGate, bodyOf, type GateAnswer } from '../gate-connection.js'
import type { OperatorKey } from '../operator-key.js'
import { decisionFailure, noSuchApproval } from './decision-failure.js'
import { checkPlanHash, hasPlan } from './plan-hash.js'

/** What became of a decision. */
export type Decided =
  | { readonly kind: 'executed'; readonly body: ApproveResponse }
  | { readonly kind: 'quorum'; readonly body: QuorumPendingResponse }
  | { readonly kind: 'denied'; readonly body: DenyResponse }
  | { readonly kind: 'already'; readonly body: AlreadyDecidedResponse }

/** The plan that a person has looked at: what a decision is bound to. */
export type SeenPlan = Pick<ApprovalDetail, 'approval_id' | 'plan_hash' | 'log'> &
  Partial<Pick<ApprovalDetail, 'plan'>>

/** Approvals that the gate lists at most in one answer (http-api 11.3). */
export const MAX_LISTED = 200

const LIST_TIMEOUT_MS = 10_000
/** Beyond the action's own limit: waiting for a slot, the commits, the answer. */
const DECISION_MARGIN_MS = 20_000
const DEFAULT_ACTION_SECONDS = 60

/** An operator at the gate: reads held calls, and decides them with his signature (design 9). */
export class ApprovalDesk {
  readonly #loaded: LoadedConfig
  readonly #operator: OperatorKey

  constructor(loaded: LoadedConfig, operator: OperatorKey) {
    this.#loaded = loaded
    this.#operator = operator
  }

  /** Newest first; without a status all of them (http-api 11.3). */
  async list(query: {
    readonly status?: string | undefined
    readonly limit?: number
    readonly signal?: AbortSignal
  }): Promise<ApprovalListBody> {
    const { status, limit, signal } = query
    const answer = await this.#ask('/v1/approvals', { query: { status, limit }, ...pick(signal) })
    return bodyOf(answer) as unknown as ApprovalListBody
  }

  /** The plan and its state (http-api 11.4). */
  async detail(approvalId: string, signal?: AbortSignal): Promise<ApprovalDetail> {
    const answer = await this.#ask(`/v1/approvals/${approvalId}`, pick(signal))
    if (answer.status === 404) throw noSuchApproval(approvalId)
    return bodyOf(answer) as unknown as ApprovalDetail
  }

  /** Approves exactly this plan and waits for its execution (http-api 11.5). */
  async approve(seen: ApprovalDetail, learn: Learning | null): Promise<Decided> {
    refuseUnseen(seen)
    const attestation = this.#attest(seen, { decision: 'approve', reason: null, learn })
    const body: ApproveRequest = {
      plan_hash: seen.plan_hash,
      ...(learn === null ? {} : { learn }),
      attestation,
    }
    const answer = await this.#decide(seen, 'approve', body)
    if (answer.status === 202) return { kind: 'quorum', body: as(answer) }
    return 'approval' in answer.body
      ? { kind: 'executed', body: as(answer) }
      : { kind: 'already', body: as(answer) }
  }

  /** Denies exactly this plan (http-api 11.6). */
  async deny(seen: SeenPlan, reason: string | null): Promise<Decided> {
    const attestation = this.#attest(seen, { decision: 'deny', reason, learn: null })
    const body: DenyRequest = {
      ...(reason === null ? {} : { reason }),
      plan_hash: seen.plan_hash,
      attestation,
    }
    const answer = await this.#decide(seen, 'deny', body)
    return answer.body['decision'] === 'deny'
      ? { kind: 'denied', body: as(answer) }
      : { kind: 'already', body: as(answer) }
  }

  #ask(path: string, more: Partial<Parameters<typeof askGate>[1]>): Promise<GateAnswer> {
    const request = { method: 'GET', path, timeoutMs: LIST_TIMEOUT_MS, ...more } as const
    return askGate(this.#loaded, request, this.#operator)
  }

  async #decide(
    seen: SeenPlan,
    decision: 'approve' | 'deny',
    body: ApproveRequest | DenyRequest,
  ): Promise<GateAnswer> {
    const id = seen.approval_id
    const path = `/v1/approvals/${id}/${decision}`
    const timeoutMs = actionSeconds(seen) * 1000 + DECISION_MARGIN_MS
    const answer = await this.#ask(path, { method: 'POST', body, timeoutMs }).catch(
      (error: unknown) => {
        throw lostAnswer(error, id, decision)
      },
    )
    if (answer.status !== 200 && answer.status !== 202) throw decisionFailure(answer, id)
    return answer
  }

  // A signed decision for another log would be one that somebody else can put forward there.
  #attest(
    seen: SeenPlan,
    decided: Pick<AttestationClaims, 'decision' | 'reason' | 'learn'>,
  ): string {
    const { gate_name: name } = this.#loaded.config
    if (seen.log !== name) {
      throw new CommandFailure(
        'other_log',
        `this approval is of the log '${seen.log}', the configuration names '${name}': not signed`,
        {
          hints: [
            `if that is the gate you mean, set gate_name = "${seen.log}" in ` +
              (this.#loaded.file ?? 'the configuration'),
          ],
          fields: { approval_id: seen.approval_id, log: seen.log, gate_name: name },
        },
      )
    }
    return signAttestation(
      {
        aud: name,
        approval_id: seen.approval_id,
        plan_hash: seen.plan_hash,
        ...decided,
        iat: Math.floor(Date.now() / 1000),
        jti: uuidv4(),
      },
      this.#operator.key,
    )
  }
}

// Signing the hash of something else than what was read is what a hostile gate would wish for.
function refuseUnseen(seen: ApprovalDetail): void {
  const id = seen.approval_id
  const fields = { approval_id: id, plan_hash: seen.plan_hash }
  if (!hasPlan(seen)) {
    const message = `the plan of ${id} is not kept any more: there is nothing to approve`
    throw new CommandFailure('already_decided', message, {
      hints: [`see how it ended: latchgate approvals show ${id}`],
      fields,
    })
  }
  if (checkPlanHash(seen) !== 'differs') return
  throw new CommandFailure(
    'plan_changed',
    `what the gate shows of ${id} is not the plan with the hash ${seen.plan_hash}: not approved`,
    { hints: [`look at it: latchgate approvals show ${id}`], fields },
  )
}

function actionSeconds({ plan }: SeenPlan): number {
  const limits = plan?.['limits'] as { readonly timeout_seconds?: unknown } | undefined
  const seconds = limits?.timeout_seconds
  return typeof seconds === 'number' && seconds > 0 ? seconds : DEFAULT_ACTION_SECONDS
}

// Sent and not answered is not "failed": the gate finishes what it has begun.
function lostAnswer(error: unknown, approvalId: string, decision: string): unknown {
  if (!(error instanceof CommandFailure) || error.code !== 'not_a_gate') return error
  return new CommandFailure(
    'outcome_unknown',
    `no answer came to the ${decision}: it may have been carried out (${error.message})`,
    {
      hints: [`look: latchgate approvals show ${approvalId}`],
      fields: { approval_id: approvalId },
    },
  )
}

function pick(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

function as<Body>(answer: GateAnswer): Body {
  return answer.body as unknown as Body
}
