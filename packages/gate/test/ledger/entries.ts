import { randomBytes, randomUUID } from 'node:crypto'
import { commit, type Receipt, signReceipt } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import { Ed25519Signer } from '@latchgate/protocol/node'
import { evidenceCrypto } from '../../src/evidence-crypto.js'
import type {
  ApprovalUse,
  DecideEntry,
  HoldEntry,
  IntendEntry,
  LearnEntry,
  LearnedRule,
  LeaseEntry,
  PayloadDraft,
  ProofUse,
  RecordEntry,
  Revocation,
  RevokeEntry,
  SealEntry,
} from '../../src/ledger/port.js'
import type { AnnouncedKey } from '../../src/ledger/sqlite/commands.js'

export const ORIGIN = 'gate.example.com/test'
export const LOG_SEED: Uint8Array = new Uint8Array(32).fill(1)
export const receiptSigner: Ed25519Signer = Ed25519Signer.fromSeed(new Uint8Array(32).fill(2))
export const RECEIPT_KEY: AnnouncedKey = {
  kid: receiptSigner.kid,
  publicKey: receiptSigner.publicKey,
  addedAt: '2026-01-01T00:00:00.000Z',
}

/** When payloads made here are erased, unless a test says otherwise. */
export const ERASE_AFTER = 10_000_000_000_000

export function payload(
  kind: PayloadDraft['kind'],
  text: string,
  eraseAfter: number = ERASE_AFTER,
): PayloadDraft {
  const salt = randomBytes(32)
  const bytes = new TextEncoder().encode(text)
  const { hash } = commit(evidenceCrypto, salt, bytes)
  return { kind, hash, salt, bytes, eraseAfter }
}

const commitmentOf = ({ hash, bytes }: PayloadDraft): JsonObject => ({ hash, bytes: bytes.length })

export function lease(
  sessionId: string,
  more: Partial<Pick<LeaseEntry, 'maxCalls' | 'proof' | 'identityToken'>> = {},
): LeaseEntry {
  const body = { event_type: 'lease_issued' }
  return {
    leaf: { type: 'lease', id: randomUUID(), body },
    sessionId,
    principal: 'agent-a',
    ...more,
  }
}

export interface Call {
  readonly grantId: string
  readonly traceId: string
  readonly sessionId: string
}

export function call(sessionId: string): Call {
  return { grantId: `grant-${randomUUID()}`, traceId: `trace-${randomUUID()}`, sessionId }
}

export function intent(one: Call, more: Partial<IntendEntry> = {}): IntendEntry {
  const draft = payload('arguments', `{"of":"${one.traceId}"}`)
  return {
    leaf: {
      type: 'intent',
      id: one.grantId,
      body: {
        arguments: commitmentOf(more.payloads?.[0] ?? draft),
        target: { method: 'GET', url: 'https://api.example.com/' },
      },
    },
    traceId: one.traceId,
    grantId: one.grantId,
    sessionId: one.sessionId,
    principal: 'agent-a',
    actionId: 'http_fetch',
    target: 'GET https://api.example.com/',
    proof: { jkt: 'jkt-a', jti: randomUUID(), forgetAfter: ERASE_AFTER },
    lease: { jti: 'lease-a', epoch: 0 },
    debit: false,
    dispatchNotAfter: ERASE_AFTER,
    payloads: [draft],
    ...more,
  }
}

/** What a receipt says otherwise than `receiptOf`. */
export type ReceiptChange = Partial<Pick<Receipt, 'normalized_result'>> & {
  readonly approval?: JsonObject
}

export function receiptOf(
  one: Call,
  sequence: number,
  output: PayloadDraft | null,
  change: ReceiptChange = {},
): Receipt {
  const nothing = `sha256:${'0'.repeat(64)}`
  return signReceipt(
    {
      v: 1,
      receipt_id: `receipt-${randomUUID()}`,
      grant_id: one.grantId,
      trace_id: one.traceId,
      session_id: one.sessionId,
      session_seq: sequence,
      lease_jti: 'lease-1',
      principal: 'agent-a',
      action_id: 'http_fetch',
      action_version: '1.0.0',
      action_digest: nothing,
      provider_module_digest: 'builtin:http_api',
      provider_module_sha256: nothing,
      request_hash: nothing,
      arguments_hash: nothing,
      policy: { version: 'test', digest: null },
      provider_receipt: {
        ok: true,
        status_code: 200,
        content_type: null,
        body_sha256: null,
        body_bytes: null,
      },
      output: output === null ? null : { hash: output.hash, bytes: output.bytes.length },
      normalized_result: { kind: 'success', summary: 'done' },
      verification_outcome: { status: 'unverifiable_declared' },
      effect_evidence: [],
      effects: [],
      outcome: 'answered',
      error_type: null,
      failure_class: null,
      runtime: { duration_ms: 1, exit_code: 0, fuel_consumed: 1, io_calls: 1 },
      started_at: '2026-01-01T00:00:00Z',
      finished_at: '2026-01-01T00:00:01Z',
      ...change,
    },
    receiptSigner,
    evidenceCrypto,
  )
}

export function seal(one: Call, sequence: number, more: Partial<SealEntry> = {}): SealEntry {
  const output = payload('output', `{"ok":true,"of":"${one.traceId}"}`)
  return {
    grantId: one.grantId,
    traceId: one.traceId,
    principal: 'agent-a',
    receipt: receiptOf(one, sequence, output),
    decision: {
      type: 'decision',
      id: randomUUID(),
      body: { session_id: one.sessionId, session_seq: sequence, decision: 'allow' },
    },
    refund: false,
    payloads: [output],
    ...more,
  }
}

export function denial(sessionId: string, body: JsonObject = {}): RecordEntry {
  return {
    leaf: { type: 'decision', id: randomUUID(), body: { decision: 'deny', ...body } },
    sessionId,
    traceId: `trace-${randomUUID()}`,
  }
}

export function note(body: JsonObject = {}): RecordEntry {
  return { leaf: { type: 'summary', id: randomUUID(), body } }
}

/** A proof that nobody has used. */
export function freshProof(): ProofUse {
  return { jkt: 'jkt-operator', jti: randomUUID(), forgetAfter: ERASE_AFTER }
}

export function hold(sessionId: string, more: Partial<HoldEntry> = {}): HoldEntry {
  const approvalId = more.approvalId ?? `approval-${randomUUID()}`
  const draft = payload('plan', `{"of":"${approvalId}"}`)
  return {
    leaf: {
      type: 'hold',
      id: approvalId,
      body: { decision: 'pending_approval', plan: commitmentOf(more.payloads?.[0] ?? draft) },
    },
    traceId: `trace-${randomUUID()}`,
    approvalId,
    sessionId,
    principal: 'agent-a',
    actionId: 'http_fetch',
    callHash: `call-${randomUUID()}`,
    planHash: `plan-${randomUUID()}`,
    expiresAt: ERASE_AFTER,
    required: 1,
    maxPending: 1000,
    lease: { jti: 'lease-a', epoch: 0 },
    proof: freshProof(),
    debit: false,
    payloads: [draft],
    ...more,
  }
}

export function decision(
  held: HoldEntry,
  to: DecideEntry['to'],
  more: Partial<DecideEntry> = {},
): DecideEntry {
  const { approvalId, planHash } = held
  const body = { event_type: `approval_${to}`, plan_hash: planHash, reason: 'because' }
  return {
    leaf: { type: 'approval', id: randomUUID(), body },
    approvalId,
    to,
    planHash,
    operator: 'olga',
    proof: freshProof(),
    ...more,
  }
}

/** The intent of what was held, as `operator` lets it begin. */
export function approved(
  held: HoldEntry,
  one: Call,
  more: Partial<IntendEntry> & { readonly operator?: string } = {},
): IntendEntry {
  const { operator = 'olga', ...rest } = more
  const approval: ApprovalUse = {
    approvalId: held.approvalId,
    planHash: held.planHash,
    operator,
    leaf: { type: 'approval', id: randomUUID(), body: { event_type: 'approval_granted' } },
  }
  return intent(one, {
    sessionId: held.sessionId,
    principal: held.principal,
    lease: held.lease,
    proof: freshProof(),
    approval,
    ...rest,
  })
}

/** The seal of what was approved, with the receipt that says so. */
export function approvedSeal(
  held: HoldEntry,
  one: Call,
  sequence: number,
  more: Partial<SealEntry> & ReceiptChange = {},
): SealEntry {
  const { normalized_result: result, ...rest } = more
  const { approvalId, planHash } = held
  const output = payload('output', '{"ok":true}')
  const approval = { approval_id: approvalId, plan_hash: planHash, decisions: [] }
  const change = { approval, ...(result === undefined ? {} : { normalized_result: result }) }
  const receipt = receiptOf(one, sequence, output, change)
  return seal(one, sequence, { receipt, payloads: [output], ...rest })
}

export function revocation(
  kind: Revocation['kind'],
  value: string | null,
  epoch: number,
  proof: ProofUse = freshProof(),
): RevokeEntry {
  const leaf = { type: 'revocation', id: randomUUID(), body: { event_type: 'revoked' } } as const
  return { leaf, revocation: { kind, value, epoch }, proof }
}

export function learning(
  change: LearnEntry['change'],
  rule: Partial<LearnedRule> = {},
): LearnEntry & { readonly proof: ProofUse } {
  return {
    leaf: { type: 'policy', id: randomUUID(), body: { operator: 'olga', source: 'api' } },
    change,
    rule: {
      kind: 'domain',
      actionId: 'http_fetch',
      value: 'a.example.com',
      principal: '*',
      ...rule,
    },
    proof: freshProof(),
  }
}
