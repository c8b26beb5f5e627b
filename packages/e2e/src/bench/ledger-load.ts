import { randomUUID } from 'node:crypto'
import type { Receipt } from '@latchgate/evidence'
import type { RunningGate } from '@latchgate/gate'
import { createTestProject, startTestGate } from '../harness/gate.js'

type Ledger = RunningGate['services']['ledger']

const FAR = 10_000_000_000_000
const DIGEST = `sha256:${'0'.repeat(64)}`

/**
 * Calls a second that the ledger alone makes durable, two records and two commits each, as the
 * pipeline asks of it with `concurrency` calls in flight. Payloads and signatures are left out: what
 * is compared is the writer.
 */
export async function ledgerCalls(concurrency: number, seconds: number): Promise<number> {
  const project = await createTestProject()
  const gate = await startTestGate(project)
  try {
    const { ledger } = gate.services
    const began = performance.now()
    const end = began + seconds * 1000
    let calls = 0
    const caller = async (): Promise<void> => {
      const sessionId = randomUUID()
      while (performance.now() < end) {
        await durableCall(ledger, sessionId)
        calls += 1
      }
    }
    await Promise.all(Array.from({ length: concurrency }, caller))
    return calls / ((performance.now() - began) / 1000)
  } finally {
    await gate.close()
    project.remove()
  }
}

async function durableCall(ledger: Ledger, sessionId: string): Promise<void> {
  const grantId = randomUUID()
  const traceId = randomUUID()
  const subject = { principal: 'agent-bench', action_id: 'http_fetch', request_hash: DIGEST }
  const intended = await ledger.intend({
    leaf: { type: 'intent', id: grantId, body: subject },
    traceId,
    grantId,
    sessionId,
    principal: 'agent-bench',
    actionId: 'http_fetch',
    target: 'GET http://api.github.com/',
    proof: { jkt: 'bench', jti: grantId, forgetAfter: FAR },
    lease: { jti: 'bench', epoch: 0 },
    debit: false,
    dispatchNotAfter: FAR,
    payloads: [],
  })
  if (!intended.ok) throw new Error(`the ledger refused an intent: ${intended.error.code}`)
  const { sessionSeq } = intended.value
  await ledger.seal({
    grantId,
    traceId,
    principal: 'agent-bench',
    receipt: receipt({ grantId, traceId, sessionId, sessionSeq }),
    decision: { type: 'decision', id: randomUUID(), body: { ...subject, decision: 'allow' } },
    refund: false,
    payloads: [],
  })
}

function receipt(call: {
  readonly grantId: string
  readonly traceId: string
  readonly sessionId: string
  readonly sessionSeq: number
}): Receipt {
  return {
    v: 1,
    receipt_id: randomUUID(),
    grant_id: call.grantId,
    trace_id: call.traceId,
    session_id: call.sessionId,
    session_seq: call.sessionSeq,
    lease_jti: call.sessionId,
    principal: 'agent-bench',
    action_id: 'http_fetch',
    action_version: '1.0.0',
    action_digest: DIGEST,
    provider_module_digest: 'builtin:http_api',
    provider_module_sha256: DIGEST,
    request_hash: DIGEST,
    arguments_hash: DIGEST,
    policy: { version: 'bench', digest: DIGEST },
    provider_receipt: {
      ok: true,
      status_code: 200,
      content_type: 'application/json',
      body_sha256: DIGEST,
      body_bytes: 2,
    },
    output: null,
    normalized_result: { kind: 'success', summary: 'provider completed successfully' },
    verification_outcome: { status: 'unverifiable_declared' },
    effect_evidence: [],
    effects: [],
    outcome: 'answered',
    error_type: null,
    failure_class: null,
    runtime: { duration_ms: 1, exit_code: 0, fuel_consumed: 1, io_calls: 1 },
    started_at: '2026-01-01T00:00:00Z',
    finished_at: '2026-01-01T00:00:00Z',
    result_hash: '0'.repeat(64),
    signing_key_id: '0'.repeat(16),
    receipt_signature: '0'.repeat(128),
  }
}
