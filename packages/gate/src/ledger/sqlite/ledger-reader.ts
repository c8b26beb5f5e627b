import { consistencyProof, inclusionProof, parseLeaf, type Receipt } from '@latchgate/evidence'
import type { Json, JsonObject } from '@latchgate/protocol'
import { evidenceCrypto } from '../../evidence-crypto.js'
import type {
  LeafStep,
  LeafWalk,
  LogKeyRecord,
  OpenIntent,
  PayloadDraft,
  Revocation,
  StoredReceipt,
  StoredRule,
} from '../port.js'
import { ApprovalReader } from './approval-reader.js'
import { PAYLOADS_PER_LEAF } from './commands.js'
import { type Database, openDatabase, type Statement } from './database.js'
import { LeafWalker } from './leaf-walker.js'
import { NodeStore } from './node-store.js'
import { readRevocations } from './revocation-table.js'
import { blob, integer, type Row, text } from './row.js'
import { readSession } from './session-table.js'

/** Everything that is read, on a read-only connection of its own: it sees only what is committed. */
export class LedgerReader {
  readonly #db: Database
  readonly #nodes: NodeStore
  readonly #session: Statement
  readonly #receipt: Statement
  readonly #payload: Statement
  readonly #leaf: Statement
  readonly #keys: Statement
  readonly #intents: Statement
  readonly #rules: Statement
  readonly #walker: LeafWalker
  readonly approvals: ApprovalReader

  constructor(path: string) {
    const db = openDatabase(path, { readOnly: true })
    db.exec('PRAGMA busy_timeout = 2000')
    this.#db = db
    this.#nodes = new NodeStore(db)
    this.#walker = new LeafWalker(db)
    this.#session = db.prepare(
      'SELECT last_seq, has_budget, calls_remaining FROM sessions WHERE session_id = ?',
    )
    this.#receipt = db.prepare("SELECT leaf, bytes FROM leaves WHERE type = 'receipt' AND id = ?")
    this.#payload = db.prepare(`SELECT p.bytes FROM leaves l JOIN payloads p
      ON p.id >= l.leaf * ${PAYLOADS_PER_LEAF} AND p.id < (l.leaf + 1) * ${PAYLOADS_PER_LEAF}
      WHERE l.trace_id = ? AND p.kind = ? ORDER BY p.id DESC LIMIT 1`)
    this.#leaf = db.prepare('SELECT bytes FROM leaves WHERE leaf = ?')
    this.#keys = db.prepare('SELECT * FROM keys ORDER BY from_leaf')
    this.#intents =
      db.prepare(`SELECT i.outcome, l.bytes FROM intents i JOIN leaves l ON l.leaf = i.leaf
      WHERE i.settled = 0 ORDER BY i.dispatch_not_after, i.leaf`)
    this.#rules =
      db.prepare(`SELECT r.*, l.bytes FROM learned_rules r JOIN leaves l ON l.leaf = r.leaf
      ORDER BY r.action_id, r.leaf`)
    this.approvals = new ApprovalReader(db)
  }

  callsRemaining(sessionId: string): number | null | undefined {
    return readSession(this.#session.get(sessionId))?.callsRemaining
  }

  receipt(receiptId: string): StoredReceipt | undefined {
    const row = this.#receipt.get(receiptId) as Row | undefined
    if (row === undefined) return undefined
    const receipt = parseLeaf(blob(row, 'bytes')).body as unknown as Receipt
    return { receipt, principal: receipt.principal, index: integer(row, 'leaf') }
  }

  payload(traceId: string, kind: PayloadDraft['kind']): Uint8Array | undefined {
    const row = this.#payload.get(traceId, kind) as Row | undefined
    return row === undefined ? undefined : blob(row, 'bytes')
  }

  leaf(index: number): Uint8Array | undefined {
    const row = this.#leaf.get(index) as Row | undefined
    return row === undefined ? undefined : blob(row, 'bytes')
  }

  keys(): readonly LogKeyRecord[] {
    return (this.#keys.all() as Row[]).map((row) => ({
      kid: text(row, 'kid'),
      publicKey: blob(row, 'public_key'),
      purpose: text(row, 'purpose') as LogKeyRecord['purpose'],
      addedAt: text(row, 'added_at'),
      fromIndex: integer(row, 'from_leaf'),
    }))
  }

  openIntents(): readonly OpenIntent[] {
    return (this.#intents.all() as Row[]).map((row) => {
      const { body, time } = parseLeaf(blob(row, 'bytes'))
      return {
        grantId: String(body['grant_id']),
        traceId: String(body['trace_id']),
        principal: String(body['principal']),
        actionId: String(body['action_id']),
        target: targetText(body['target']),
        dispatchedAt: time,
        outcome: text(row, 'outcome') === 'unknown' ? 'unknown' : 'open',
      }
    })
  }

  revocations(): readonly Revocation[] {
    return readRevocations(this.#db)
  }

  learnedRules(): readonly StoredRule[] {
    return (this.#rules.all() as Row[]).map((row) => {
      const { body, time } = parseLeaf(blob(row, 'bytes'))
      const approvalId = body['approval_id']
      return {
        kind: text(row, 'kind') as StoredRule['kind'],
        actionId: text(row, 'action_id'),
        value: text(row, 'value'),
        principal: text(row, 'principal'),
        addedBy: String(body['operator']),
        addedAt: time,
        source: String(body['source'] ?? 'api'),
        approvalId: typeof approvalId === 'string' ? approvalId : null,
      }
    })
  }

  walk(step: LeafWalk): LeafStep {
    return this.#walker.walk(step)
  }

  inclusionProof(index: number, size: number): readonly Uint8Array[] {
    return inclusionProof(evidenceCrypto, index, size, this.#nodes.node)
  }

  consistencyProof(from: number, to: number): readonly Uint8Array[] {
    return consistencyProof(evidenceCrypto, from, to, this.#nodes.node)
  }

  close(): void {
    this.#db.close()
  }
}

// The leaf's target is the planned request; a plain text where the entry brought none.
function targetText(target: Json | undefined): string {
  if (typeof target === 'string') return target
  const { method, url } = (target ?? {}) as JsonObject
  return `${String(method)} ${String(url)}`
}
