import {
  assertLeafValue,
  type Leaf,
  leafColumns,
  LeafError,
  MAX_LEAF_BYTES,
  SALT_BYTES,
} from '@latchgate/evidence'
import { canonicalize, isoMillis, type JsonObject } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'
import type {
  IntendEntry,
  LeafDraft,
  LeaseEntry,
  PayloadDraft,
  RecordEntry,
  SealEntry,
} from '../port.js'
import type { Command, LeafText, PayloadText } from './commands.js'

/** Room for the number that the writer puts in. */
const SEQUENCE_BYTES = 16

/** The log that leaves are written for. */
export interface LogIdentity {
  readonly origin: string
  readonly gateId: string
}

/**
 * Turns entries of the port into commands: leaves in JCS form, payload bytes in one blob a message.
 * Whatever the writer stores beside a leaf is put into the leaf first, so that it can be recomputed
 * from it. Throws LedgerFault `invalid_entry` for an entry that no leaf can hold.
 */
export class CommandEncoder {
  readonly #log: LogIdentity
  #parts: Uint8Array[] = []
  #length = 0
  #time = { ms: 0, text: isoMillis(0) }

  constructor(log: LogIdentity) {
    this.#log = log
  }

  record(entry: RecordEntry, time: number): Command {
    const { sessionId = null, traceId } = entry
    const leaf = this.#leaf(
      entry.leaf,
      {
        ...entry.leaf.body,
        ...(traceId === undefined ? {} : { trace_id: traceId }),
        ...(sessionId === null ? {} : { session_id: sessionId }),
      },
      time,
      sessionId !== null,
    )
    const payloads = this.#payloads(entry.payloads ?? [], traceId ?? leaf.columns.trace_id)
    return { op: 'record', time, leaf, sessionId, payloads }
  }

  lease(entry: LeaseEntry, time: number): Command {
    const { sessionId, principal, maxCalls, proof } = entry
    const body = {
      ...entry.leaf.body,
      session_id: sessionId,
      principal,
      ...(maxCalls === undefined ? {} : { budget: { max_calls: maxCalls } }),
      ...(proof === undefined ? {} : { proof: { jkt: proof.jkt, jti: proof.jti } }),
    }
    return {
      op: 'lease',
      time,
      leaf: this.#leaf(entry.leaf, body, time, false),
      sessionId,
      ...(maxCalls === undefined ? {} : { maxCalls }),
      proof: proof ?? null,
    }
  }

  intend(entry: IntendEntry, time: number): Command {
    const { grantId, sessionId, proof, debit, dispatchNotAfter } = entry
    const body = {
      target: entry.target,
      ...entry.leaf.body,
      grant_id: grantId,
      trace_id: entry.traceId,
      session_id: sessionId,
      principal: entry.principal,
      action_id: entry.actionId,
      proof: { jkt: proof.jkt, jti: proof.jti },
      debit,
      dispatch_not_after: isoMillis(dispatchNotAfter),
    }
    const leaf = this.#leaf(entry.leaf, body, time, true)
    const payloads = this.#payloads(entry.payloads, entry.traceId)
    return {
      op: 'intend',
      time,
      leaf,
      grantId,
      sessionId,
      proof,
      debit,
      dispatchNotAfter,
      payloads,
    }
  }

  seal(entry: SealEntry, time: number): Command {
    const { grantId, traceId, refund, receipt, decision } = entry
    if (receipt.grant_id !== grantId || receipt.trace_id !== traceId) {
      throw new LedgerFault('invalid_entry', 'the receipt is of another grant or trace')
    }
    const draft = { type: 'receipt', id: receipt.receipt_id } as const
    const receiptLeaf = this.#leaf(draft, receipt as unknown as JsonObject, time, false)
    const body = { ...decision.body, grant_id: grantId, trace_id: traceId, refund }
    const decisionLeaf = this.#leaf(decision, body, time, false)
    const payloads = this.#payloads(entry.payloads, traceId)
    return {
      op: 'seal',
      time,
      receipt: receiptLeaf,
      decision: decisionLeaf,
      grantId,
      refund,
      payloads,
    }
  }

  /** The payload bytes of every command since the last call, to travel with them. */
  takeBlob(): Uint8Array<ArrayBuffer> {
    const blob = new Uint8Array(this.#length)
    let offset = 0
    for (const part of this.#parts) {
      blob.set(part, offset)
      offset += part.length
    }
    this.#parts = []
    this.#length = 0
    return blob
  }

  #payloads(drafts: readonly PayloadDraft[], traceId: string | null): readonly PayloadText[] {
    return drafts.map(({ kind, hash, salt, bytes, eraseAfter }) => {
      if (salt.length !== SALT_BYTES) {
        throw new LedgerFault('invalid_entry', `a salt has ${SALT_BYTES} bytes`)
      }
      const at = this.#length
      this.#parts.push(salt, bytes)
      this.#length += salt.length + bytes.length
      return { traceId, kind, hash, eraseAfter, at, length: bytes.length }
    })
  }

  #leaf(
    draft: Pick<LeafDraft, 'type' | 'id'>,
    body: JsonObject,
    time: number,
    isSequenced: boolean,
  ): LeafText {
    const { origin: log, gateId: gate } = this.#log
    if (this.#time.ms !== time) this.#time = { ms: time, text: isoMillis(time) }
    const leaf: Leaf = {
      v: 1,
      type: draft.type,
      log,
      id: draft.id,
      time: this.#time.text,
      gate,
      body,
    }
    const text = leafText(leaf, isSequenced)
    const bytes = Buffer.byteLength(text.before) + Buffer.byteLength(text.after ?? '')
    if (bytes + SEQUENCE_BYTES > MAX_LEAF_BYTES) {
      throw new LedgerFault(
        'invalid_entry',
        `a ${draft.type} record of ${bytes} bytes is larger than a leaf may be (${MAX_LEAF_BYTES})`,
      )
    }
    return text
  }
}

/**
 * The JCS form of a leaf; cut in two around the value of the body's `session_seq` when the writer
 * is to assign it.
 */
export function leafText(leaf: Leaf, isSequenced: boolean): LeafText {
  const { body, ...envelope } = leaf
  try {
    assertLeafValue(body, '/body')
    // `body` is the first member of a leaf in JCS order.
    const rest = `,${canonicalize(envelope as unknown as JsonObject).slice(1)}`
    const columns = leafColumns(leaf)
    if (!isSequenced) {
      return { before: `{"body":${canonicalize(body)}${rest}`, after: null, columns }
    }
    const [before, after] = cutAtSequence(body)
    return {
      before: `{"body":${before}`,
      after: `${after}${rest}`,
      columns: { ...columns, session_seq: null },
    }
  } catch (error) {
    if (!(error instanceof LeafError) && !(error instanceof TypeError)) throw error
    throw new LedgerFault('invalid_entry', `a ${leaf.type} record: ${error.message}`, {
      cause: error,
    })
  }
}

// No record holds this number by itself; if one did, the cut would be refused, not misplaced.
const PLACEHOLDER = Number.MIN_SAFE_INTEGER
const CUT = `"session_seq":${PLACEHOLDER}`

function cutAtSequence(body: JsonObject): readonly [string, string] {
  const text = canonicalize({ ...body, session_seq: PLACEHOLDER })
  const at = text.indexOf(CUT)
  if (at !== text.lastIndexOf(CUT)) throw new LeafError('session_seq is written twice')
  const end = at + CUT.length
  return [text.slice(0, end - String(PLACEHOLDER).length), text.slice(end)]
}
