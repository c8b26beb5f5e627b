import { canonicalReceipt } from '@latchgate/evidence'
import { isoMillis, type JsonObject } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'
import type {
  DecideEntry,
  HoldEntry,
  IdentityTokenUse,
  IntendEntry,
  LeafDraft,
  LearnEntry,
  LeaseEntry,
  ProofUse,
  RecordEntry,
  RevokeEntry,
  SealEntry,
} from '../port.js'
import type { CallGuards, Command, LearnRef } from './commands.js'
import { assertStorable, LeafWriter, type LogIdentity } from './leaf-writer.js'

/**
 * Turns entries of the port into commands: leaves in JCS form and payload bytes in one arena a message.
 * Whatever the writer stores beside a leaf is put into the leaf first, so that it can be recomputed
 * from it. Throws LedgerFault `invalid_entry` for an entry that no leaf can hold.
 */
export class CommandEncoder {
  readonly #leaves: LeafWriter

  constructor(log: LogIdentity) {
    this.#leaves = new LeafWriter(log)
  }

  record(entry: RecordEntry & { readonly proof?: ProofUse }, time: number): Command {
    const { sessionId = null, traceId, proof } = entry
    const leaf = this.#leaves.leaf(
      entry.leaf,
      {
        ...entry.leaf.body,
        ...(traceId === undefined ? {} : { trace_id: traceId }),
        ...(sessionId === null ? {} : { session_id: sessionId }),
        ...proofMember(proof),
      },
      time,
      sessionId !== null,
    )
    const payloads = this.#leaves.payloads(entry.payloads ?? [])
    return { op: 'record', time, leaf, sessionId, proof: proof ?? null, payloads }
  }

  lease(entry: LeaseEntry, time: number): Command {
    const { sessionId, principal, maxCalls, proof, identityToken } = entry
    const body = {
      ...entry.leaf.body,
      session_id: sessionId,
      principal,
      ...(maxCalls === undefined ? {} : { budget: { max_calls: maxCalls } }),
      ...proofMember(proof),
      ...identityTokenMember(identityToken),
    }
    return {
      op: 'lease',
      time,
      leaf: this.#leaves.leaf(entry.leaf, body, time, false),
      sessionId,
      ...(maxCalls === undefined ? {} : { maxCalls }),
      proof: proof ?? null,
      identityToken: identityToken ?? null,
    }
  }

  intend(entry: IntendEntry, time: number): Command {
    const { grantId, sessionId, proof, debit, dispatchNotAfter, approval } = entry
    const quotas = entry.quotas ?? []
    const body = {
      target: entry.target,
      ...entry.leaf.body,
      grant_id: grantId,
      trace_id: entry.traceId,
      session_id: sessionId,
      principal: entry.principal,
      action_id: entry.actionId,
      lease_jti: entry.lease.jti,
      lease_epoch: entry.lease.epoch,
      ...(approval === undefined
        ? proofMember(proof)
        : { approval_id: approval.approvalId, plan_hash: approval.planHash }),
      debit,
      ...(quotas.length === 0 ? {} : { quota: { cost_usd_cents: entry.costUsdCents ?? 0 } }),
      dispatch_not_after: isoMillis(dispatchNotAfter),
    }
    // The operator's proof brought this about, and stands in the record of his decision.
    const granted = approval && {
      approvalId: approval.approvalId,
      planHash: approval.planHash,
      operator: approval.operator,
      leaf: this.#leaves.leaf(
        approval.leaf,
        {
          ...decisionBody(approval.leaf, approval, proof),
          decision: 'granted',
          plan_hash: approval.planHash,
        },
        time,
        false,
      ),
    }
    return {
      op: 'intend',
      time,
      leaf: this.#leaves.leaf(entry.leaf, body, time, true),
      grantId,
      ...callGuards(entry),
      dispatchNotAfter,
      approval: granted ?? null,
      payloads: this.#leaves.payloads(entry.payloads),
    }
  }

  hold(entry: HoldEntry, time: number): Command {
    const { approvalId, callHash, planHash, expiresAt, required, maxPending, proof } = entry
    const body = {
      ...entry.leaf.body,
      trace_id: entry.traceId,
      session_id: entry.sessionId,
      principal: entry.principal,
      action_id: entry.actionId,
      lease_jti: entry.lease.jti,
      lease_epoch: entry.lease.epoch,
      approval_id: approvalId,
      call_hash: callHash,
      plan_hash: planHash,
      expires_at: isoMillis(expiresAt),
      required,
      ...proofMember(proof),
    }
    return {
      op: 'hold',
      time,
      leaf: this.#leaves.leaf(entry.leaf, body, time, true),
      approvalId,
      callHash,
      planHash,
      expiresAt,
      required,
      maxPending,
      ...callGuards(entry),
      payloads: this.#leaves.payloads(entry.payloads),
    }
  }

  decide(entry: DecideEntry, time: number): Command {
    const { leaf, approvalId, to, planHash, operator, proof } = entry
    if (to === 'vote' && operator === null) {
      throw new LedgerFault('invalid_entry', `a vote on ${approvalId} does not say whose it is`)
    }
    const body = { ...decisionBody(leaf, entry, proof), decision: to }
    const ref = this.#leaves.leaf(leaf, body, time, false)
    return { op: 'decide', time, leaf: ref, approvalId, to, planHash, operator, proof }
  }

  revoke(entry: RevokeEntry, time: number): Command {
    const { leaf, revocation, proof } = entry
    const { kind, value, epoch } = revocation
    if ((kind === 'all') !== (value === null)) {
      throw new LedgerFault('invalid_entry', `a revocation of ${kind} does not say whose`)
    }
    assertStorable([value])
    const body = { ...leaf.body, kind, value, epoch, ...proofMember(proof) }
    return {
      op: 'revoke',
      time,
      leaf: this.#leaves.leaf(leaf, body, time, false),
      revocation,
      proof,
    }
  }

  learn(entry: LearnEntry & { readonly proof: ProofUse }, time: number): Command {
    const { proof } = entry
    return { op: 'learn', time, ...this.#learned(entry, time, proof), proof }
  }

  #learned({ leaf, change, rule }: LearnEntry, time: number, proof: ProofUse | null): LearnRef {
    assertStorable([rule.value, rule.principal])
    const body = {
      ...leaf.body,
      rule: {
        change,
        kind: rule.kind,
        action_id: rule.actionId,
        value: rule.value,
        principal: rule.principal,
      },
      ...proofMember(proof),
    }
    return { leaf: this.#leaves.leaf(leaf, body, time, false), change, rule }
  }

  seal(entry: SealEntry, time: number): Command {
    const { grantId, traceId, refund, receipt, decision } = entry
    if (receipt.grant_id !== grantId || receipt.trace_id !== traceId) {
      throw new LedgerFault('invalid_entry', 'the receipt is of another grant or trace')
    }
    const draft = { type: 'receipt', id: receipt.receipt_id } as const
    const members = receipt as unknown as JsonObject
    const receiptLeaf = this.#leaves.leaf(draft, members, time, false, canonicalReceipt(receipt))
    const body = { ...decision.body, grant_id: grantId, trace_id: traceId, refund }
    const decisionLeaf = this.#leaves.leaf(decision, body, time, false)
    return {
      op: 'seal',
      time,
      receipt: receiptLeaf,
      decision: decisionLeaf,
      grantId,
      refund,
      succeeded: receipt.normalized_result.kind === 'success',
      learn: (entry.learn ?? []).map((one) => this.#learned(one, time, null)),
      payloads: this.#leaves.payloads(entry.payloads),
    }
  }

  /** The bytes of every command since the last call, to travel with them. */
  takeArena(): Uint8Array<ArrayBuffer> {
    return this.#leaves.takeArena()
  }
}

function callGuards(entry: IntendEntry | HoldEntry): CallGuards {
  const { sessionId, principal, lease, proof, debit, quotas = [], costUsdCents = 0 } = entry
  return { sessionId, principal, lease, proof, debit, quotas, costUsdCents }
}

// A decision names what it is about itself: the table's columns are recomputed from it.
function decisionBody(
  leaf: LeafDraft,
  about: { readonly approvalId: string; readonly operator: string | null },
  proof: ProofUse | null,
): JsonObject {
  return {
    ...leaf.body,
    approval_id: about.approvalId,
    operator: about.operator,
    ...proofMember(proof),
  }
}

// Only where the record uses one up: the table of proofs is recomputed from it.
function proofMember(proof: ProofUse | null | undefined): JsonObject {
  return proof === null || proof === undefined ? {} : { proof: { jkt: proof.jkt, jti: proof.jti } }
}

// The table of used tokens is recomputed from it.
function identityTokenMember(token: IdentityTokenUse | undefined): JsonObject {
  if (token === undefined) return {}
  return { identity_token: { hash: token.hash, expires_at: isoMillis(token.expiresAt) } }
}
