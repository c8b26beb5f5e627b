import type { LeafType } from '@latchgate/evidence'
import { type JsonObject, type Result, sanitizeText } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import type { OperatorContext } from './auth/operator.js'
import type { LeafDraft } from './ledger/port.js'
import { ledgerFault } from './ledger-fault.js'
import { type Refusal, refuse } from './refusal.js'
import type { Services } from './services.js'

/** What an operator did, for the record. */
export interface OperatorAct {
  readonly type: Extract<LeafType, 'admin' | 'policy' | 'revocation'>
  /** `event_type` of the audit event (spec/http-api 12.2). */
  readonly event: string
  /** The detail text of the audit event; null where it has none. */
  readonly text: string | null
  /** The same for programs. */
  readonly detail: JsonObject
}

/** An operator; without a proof where an earlier commit has used it up. */
export type ActingOperator = Omit<OperatorContext, 'proof'> & {
  readonly proof: OperatorContext['proof'] | null
}

/**
 * Records what an operator did, his proof used up in the same commit: it cannot be replayed, not even
 * after a restart. Refuses with `replay_detected`; throws a Fault when the record is not durable.
 */
export async function recordAct(
  services: Services,
  operator: ActingOperator,
  act: OperatorAct,
): Promise<Result<void, Refusal>> {
  const { proof } = operator
  if (proof === null) {
    await recordActWithoutProof(services, operator, act)
    return { ok: true, value: undefined }
  }
  try {
    const appended = await services.ledger.recordAct({ ...entryOf(services, operator, act), proof })
    if (appended.ok) return { ok: true, value: undefined }
    return { ok: false, error: refuse(appended.error.code) }
  } catch (error) {
    throw ledgerFault(error)
  }
}

/**
 * Records an act without using up a proof: there was none (`operator` is null for a signal or a start),
 * or an earlier commit has used it up. Throws a Fault when the record is not durable.
 */
export async function recordActWithoutProof(
  services: Services,
  operator: ActingOperator | null,
  act: OperatorAct,
): Promise<void> {
  try {
    await services.ledger.record(entryOf(services, operator, act))
  } catch (error) {
    throw ledgerFault(error)
  }
}

/** The body of the record of an act; without an operator it was a signal, or the start. */
export function actBody(
  services: Services,
  operator: ActingOperator | null,
  act: OperatorAct,
  traceId: string,
): JsonObject {
  return {
    event_type: act.event,
    trace_id: traceId,
    operator: operator?.operator ?? null,
    operator_sender_binding: operator?.jkt ?? null,
    operator_proof_jti: operator?.proof?.jti ?? null,
    text: act.text === null ? null : sanitizeText(act.text, 500),
    detail: act.detail,
    dev_mode: services.devMode,
  }
}

function entryOf(
  services: Services,
  operator: ActingOperator | null,
  act: OperatorAct,
): { readonly leaf: LeafDraft; readonly traceId: string } {
  const traceId = uuidv7(services.now())
  const body = actBody(services, operator, act, traceId)
  return { leaf: { type: act.type, id: traceId, body }, traceId }
}
