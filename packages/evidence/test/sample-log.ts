import type { Json, JsonObject } from '@latchgate/protocol'
import { Ed25519Signer } from '@latchgate/protocol/node'
import {
  encodeLeaf,
  Frontier,
  formatVkey,
  keyAddedBody,
  type LeafType,
  type LogRow,
  leafColumns,
  leafHash,
  noteVerifier,
  parseLeaf,
  type Receipt,
  signCheckpoint,
  signReceipt,
  type UnsignedReceipt,
} from '../src/index.js'
import { crypto, loadVectors } from './fixtures.js'

export const ORIGIN = 'gate.example.com/prod'
export const logSigner: Ed25519Signer = Ed25519Signer.fromSeed(new Uint8Array(32).fill(1))
export const receiptSigner: Ed25519Signer = Ed25519Signer.fromSeed(new Uint8Array(32).fill(2))
export const newerSigner: Ed25519Signer = Ed25519Signer.fromSeed(new Uint8Array(32).fill(3))
export const VKEY: string = formatVkey(crypto, ORIGIN, logSigner.publicKey)

const { receipts } = loadVectors<{ receipts: readonly { receipt: Receipt }[] }>('receipts')

/** Writes leaves as a gate does, rows included. */
export class SampleLog {
  readonly rows: LogRow[] = []

  add(type: LeafType, body: JsonObject, log: string = ORIGIN): number {
    const index = this.rows.length
    const id = `019b7700-0000-7000-8000-${String(index).padStart(12, '0')}`
    const time = new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString()
    this.rows.push(rowOf(index, encodeLeaf({ v: 1, type, log, id, time, gate: 'g-1', body })))
    return index
  }

  addKey(purpose: 'log' | 'receipt', signer: Ed25519Signer): number {
    const { kid, publicKey } = signer
    return this.add('key_added', keyAddedBody(purpose, { kid, publicKey, addedAt: '2026-01-01' }))
  }

  addReceipt(call: number, signer: Ed25519Signer, sequence: number = call): number {
    const {
      result_hash: _r,
      signing_key_id: _k,
      receipt_signature: _s,
      ...rest
    } = receipts[0]!.receipt
    const unsigned = {
      ...(rest as unknown as UnsignedReceipt),
      receipt_id: `receipt-${call}`,
      grant_id: `grant-${call}`,
      session_id: 's-1',
      session_seq: sequence,
    }
    return this.add('receipt', signReceipt(unsigned, signer, crypto) as unknown as JsonObject)
  }

  /** Intent, receipt and decision. */
  addCall(call: number, signer: Ed25519Signer): void {
    const body = { grant_id: `grant-${call}`, session_id: 's-1', session_seq: call }
    this.add('intent', {
      ...body,
      principal: 'agent-a',
      action_id: 'http_fetch',
      trace_id: `t-${call}`,
    })
    this.addReceipt(call, signer)
    this.add('decision', { ...body, decision: 'allow' })
  }

  checkpoint(size: number = this.rows.length, signer: Ed25519Signer = logSigner): string {
    const frontier = Frontier.empty(crypto)
    for (const row of this.rows.slice(0, size)) frontier.append(leafHash(crypto, row.bytes))
    const verifier = noteVerifier(crypto, ORIGIN, signer.publicKey)
    const sign = (message: Uint8Array): Uint8Array => signer.sign(message)
    return signCheckpoint({ origin: ORIGIN, size, root: frontier.root() }, { ...verifier, sign })
  }
}

/** A row whose hash and columns are those of its bytes. */
export function rowOf(index: number, bytes: Uint8Array): LogRow {
  const columns = { ...leafColumns(parseLeaf(bytes)) } as Record<string, Json>
  return { index, bytes, hash: leafHash(crypto, bytes), columns }
}

/** Keys, a lease, three calls, a denial, a rotation of the receipt key, an unknown outcome. */
export function sampleLog(): SampleLog {
  const log = new SampleLog()
  log.addKey('log', logSigner)
  log.addKey('receipt', receiptSigner)
  log.add('lease', { session_id: 's-1', principal: 'agent-a', budget: { max_calls: 10 } })
  log.addCall(1, receiptSigner)
  log.add('decision', {
    session_id: 's-1',
    session_seq: 2,
    decision: 'deny',
    code: 'policy_denied',
  })
  log.addCall(3, receiptSigner)
  log.addKey('receipt', newerSigner)
  log.add('key_retired', { purpose: 'receipt', kid: receiptSigner.kid })
  log.addCall(4, newerSigner)
  log.add('intent', { grant_id: 'grant-5', session_id: 's-1', session_seq: 5, trace_id: 't-5' })
  log.add('unknown', { grant_id: 'grant-5', session_id: 's-1', session_seq: 5, reason: 'x' })
  log.add('summary', { unauthenticated: { invalid_lease: 3 } })
  return log
}
