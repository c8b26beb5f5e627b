import { setTimeout as sleep } from 'node:timers/promises'
import { resolveTarget } from '@latchgate/catalogue'
import {
  type Checkpoint,
  claimedCheckpoint,
  leafHash,
  parseLeaf,
  verifyInclusion,
} from '@latchgate/evidence'
import { canonicalBytes, canonicalize, type Result } from '@latchgate/protocol'
import { digest, digestBytes } from '@latchgate/protocol/node'
import { standingClaims } from '../auth/lease-identity.js'
import { evidenceCrypto } from '../evidence-crypto.js'
import type { StoredApproval } from '../ledger/port.js'
import { readLedger } from '../ledger-fault.js'
import { judge, reachableOnceApproved } from '../pipeline/authorize.js'
import type { Approved, Authorized, Budgeted, Known } from '../pipeline/call.js'
import { policyRevision } from '../pipeline/decision-body.js'
import { obtainSecrets } from '../pipeline/obtain-secrets.js'
import { readBudget } from '../pipeline/read-budget.js'
import { Fault, type Refusal, type Refused, refuse } from '../refusal.js'
import type { RegisteredAction } from '../registered-action.js'
import type { Services } from '../services.js'
import { findApproval } from './decide.js'
import { approversOf, peopleAmong } from './people.js'
import { type Plan, planPolicy, planTarget, type StoredPlan } from './plan.js'
import { openStoredPlan } from './stored-plan.js'

/**
 * Holds what was approved against everything as it is now (design 3, `recheck`): the stored plan
 * against its record, the record against the log, then action, provider, target, policy, revocations
 * and secrets against the plan. What comes out goes on at the intent, as a call of its own would.
 */
export async function recheck(
  services: Services,
  approved: Approved,
): Promise<Result<Authorized, Refusal>> {
  // Read again: what the operator's request found may be as old as its wait for a slot.
  const found = await findApproval(services, approved.approvalId)
  if (!found.ok) return found
  const approval = found.value
  const opened = await openRecorded(services, approval)
  if (!opened.ok) return opened
  const { plan, claims } = opened.value
  // The guard of the commit counts names. People, and operators that there still are, count here.
  const approvers = [...approversOf(approval), approved.operator]
  if (peopleAmong(services.config.operator_credentials, approvers) < approval.required) {
    return { ok: false, error: refuse('conflict', { message: TOO_FEW, detail: 'recheck: quorum' }) }
  }
  if (services.revocations.reaches(claims)) {
    return { ok: false, error: refuse('lease_revoked', { detail: 'recheck: lease revoked' }) }
  }
  const standing = standingClaims(services, claims)
  if (standing === null) {
    const message = `nobody is known as '${plan.principal}' any more in the way in which the agent was: nothing was done`
    return {
      ok: false,
      error: refuse('approval_revoked', { message, detail: 'recheck: identity' }),
    }
  }
  const registered = sameAction(services, plan)
  if (!registered.ok) return registered
  const call = sameCall(approval, { ...opened.value, claims: standing }, registered.value)
  if (!call.ok) return call
  const budgeted = await readBudget(services, call.value)
  if (!budgeted.ok) return budgeted
  return sameRights(services, budgeted.value, plan, approved)
}

/** The same as `openPlan`, of an approval whose rows are what its records say. */
export async function openRecorded(
  services: Services,
  approval: StoredApproval,
): Promise<Result<StoredPlan, Refusal>> {
  const opened = await openPlan(services, approval)
  if (!opened.ok || (await isAsRecorded(services, approval, opened.value.plan))) return opened
  return tampered('the rows of the approval are not its records')
}

const TOO_FEW = 'Fewer people have approved this than it takes: another operator must.'

/** The plan as it was stored, if its record is in the log and it is what the record says. */
export async function openPlan(
  services: Services,
  approval: StoredApproval,
): Promise<Result<StoredPlan, Refusal>> {
  if (!(await isInLog(services, approval.hold))) {
    return tampered(`the record of approval ${approval.approvalId} is not in the log`)
  }
  const held = await readLedger(services.ledger.heldPlan(approval.approvalId))
  if (held === undefined) return tampered('the stored plan is gone')
  const stored = openStoredPlan(approval, held)
  return stored === null
    ? tampered('the stored plan is not the one of its record')
    : { ok: true, value: stored }
}

// What the guards of the commit go by: whoever can write the file could make one vote enough, count
// votes that nobody gave, or give an expired approval another day.
async function isAsRecorded(
  services: Services,
  { approvalId, required, expiresAt, votes }: StoredApproval,
  plan: Plan,
): Promise<boolean> {
  if (required !== plan.quorum.min || expiresAt !== Date.parse(plan.expires_at)) return false
  for (const { operator, leaf } of votes) {
    const { body } = leaf
    const isVote = body['decision'] === 'vote' && body['approval_id'] === approvalId
    if (!isVote || body['operator'] !== operator || !(await isInLog(services, leaf))) return false
  }
  return true
}

// Against the checkpoint that is in memory: rows that were changed in the file do not give its root.
async function isInLog(
  { ledger }: Services,
  { index, body }: StoredApproval['hold'],
): Promise<boolean> {
  const bytes = await readLedger(ledger.leaf(index))
  if (bytes === undefined) return false
  if (canonicalize(parseLeaf(bytes).body) !== canonicalize(body)) return false
  const { size, root } = await checkpointAfter(ledger, index)
  const proof = await readLedger(ledger.inclusionProof(index, size))
  const claim = { index, size, leafHash: leafHash(evidenceCrypto, bytes), proof, root }
  return verifyInclusion(evidenceCrypto, claim)
}

/** Milliseconds that a checkpoint may be behind a commit that can be read already. */
const CHECKPOINT_WITHIN_MS = 2000

// A record can be read as soon as it is committed; the checkpoint that covers it is signed after that.
async function checkpointAfter(ledger: Services['ledger'], index: number): Promise<Checkpoint> {
  for (let waited = 0; waited < CHECKPOINT_WITHIN_MS; waited += 1) {
    const checkpoint = claimedCheckpoint(ledger.checkpoint())
    if (checkpoint.size > index) return checkpoint
    await sleep(1)
  }
  throw new Fault('store_unavailable', `no checkpoint covers the record ${index}`)
}

function sameAction(
  services: Services,
  { action, provider_digest }: Plan,
): Result<RegisteredAction, Refusal> {
  const registered = services.actions().actions.get(action.id)
  if (registered === undefined) {
    const message = `the action '${action.id}' is gone since the call was held`
    return { ok: false, error: refuse('action_not_found', { message }) }
  }
  if (registered.actionDigest !== action.digest) {
    return changed('action_digest_mismatch', `the manifest of '${action.id}' has changed`)
  }
  if (registered.moduleDigest !== provider_digest) {
    return changed('action_digest_mismatch', `the provider of '${action.id}' has changed`)
  }
  return { ok: true, value: registered }
}

// Nothing is taken from the plan that does not follow from what it is bound to.
function sameCall(
  approval: StoredApproval,
  { plan, params, claims, agentLabel }: StoredPlan,
  registered: RegisteredAction,
): Result<Omit<Budgeted, 'callsBefore'>, Refusal> {
  const { arguments: args, request_hash, arguments_hash } = plan
  const argumentBytes = canonicalBytes(args)
  const checked = registered.action.validateRequest(params)
  if (
    digest(params) !== request_hash ||
    digestBytes(argumentBytes) !== arguments_hash ||
    !checked.ok ||
    canonicalize(checked.value.arguments) !== canonicalize(args)
  ) {
    return tampered('the stored arguments are not those of the plan')
  }
  const target = resolveTarget(registered.manifest, args)
  if (!target.ok || canonicalize(planTarget(target.value)) !== canonicalize(plan.target)) {
    return tampered('the arguments do not give the request of the plan')
  }
  const known: Known = {
    traceId: String(approval.hold.body['trace_id']),
    receivedAt: Date.parse(plan.created_at),
    actionId: plan.action.id,
    agentLabel,
    // The agent's proof was used up when the call was held; an operator's takes its place.
    agent: { claims, proof: { jkt: claims.cnf.jkt, jti: '', forgetAfter: 0 } },
  }
  return {
    ok: true,
    value: {
      ...known,
      registered,
      sent: params,
      params: checked.value.params,
      arguments: args,
      argumentBytes,
      requestHash: request_hash,
      argumentsHash: arguments_hash,
      target: target.value,
    },
  }
}

async function sameRights(
  services: Services,
  call: Budgeted,
  plan: Plan,
  approved: Approved,
): Promise<Result<Authorized, Refusal>> {
  const revision = policyRevision(services)
  if (canonicalize(planPolicy(services)) !== canonicalize(plan.policy)) {
    return changed('policy_changed', 'the policy is not the one under which the call was held')
  }
  const judged = await judge(services, call, true)
  if (!judged.ok) return judged
  const { decision, seen } = judged.value
  // Approving waives what the plan names, and no more: an entry that an operator has removed since
  // was taken away from this call too.
  if (!seen.onAllowList && !plan.reasons.some(({ code }) => code === 'unresolved_domain')) {
    return changed('policy_changed', `'${seen.destination.host}' was taken off the allow list`)
  }
  const secrets = await obtainSecrets(services, call, decision.secrets)
  if (!secrets.ok) return secrets
  if (canonicalize([...secrets.value.keys()]) !== canonicalize(plan.secrets)) {
    return changed('policy_changed', 'the call would get other secrets than the plan names')
  }
  return {
    ok: true,
    value: {
      ...call,
      decision,
      secrets: secrets.value,
      allow: reachableOnceApproved(services, call, judged.value),
      policyRevision: revision,
      approval: approved,
    },
  }
}

function tampered(detail: string): Refused {
  const message = 'what is stored is not what was shown: nothing was done, repeat the call'
  return { ok: false, error: refuse('plan_hash_mismatch', { message, detail }) }
}

function changed(code: 'action_digest_mismatch' | 'policy_changed', what: string): Refused {
  const message = `${what} since the call was held: nothing was done, repeat the call`
  return { ok: false, error: refuse(code, { message, detail: `recheck: ${what}` }) }
}
