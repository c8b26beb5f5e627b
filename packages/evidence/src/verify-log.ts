import { encodeHex, type Json } from '@latchgate/protocol'
import { ApprovalHistory } from './approval-history.js'
import { equalBytes } from './byte-strings.js'
import { CheckpointWatch } from './checkpoint-watch.js'
import type { EvidenceCrypto } from './crypto.js'
import { Frontier, type NodeListener } from './frontier.js'
import { KeyHistory } from './key-history.js'
import { type Leaf, LeafError, parseLeaf } from './leaf.js'
import { leafColumns } from './leaf-columns.js'
import { Findings, type LogReport } from './log-report.js'
import { leafHash } from './merkle-tree.js'
import type { Receipt } from './receipt.js'
import { checkReceipt } from './receipt-signature.js'
import { RevocationHistory } from './revocation-history.js'
import { type NoteVerifier, parseVkey } from './signed-note.js'

/** A row as it lies in a store: nothing in it is trusted. */
export interface LogRow {
  readonly index: number
  readonly bytes: Uint8Array
  /** Leaf hash as stored beside the bytes. */
  readonly hash?: Uint8Array | null
  /** Indexed columns as stored; compared with what the leaf says. */
  readonly columns?: Readonly<Record<string, Json>>
}

/** What to walk, and what it is held against. */
export interface LogToVerify {
  readonly crypto: EvidenceCrypto
  /** In the order of their indexes. */
  readonly leaves: Iterable<LogRow>
  /** Verifier key of the log. Without it the log's own key is used, which proves consistency only. */
  readonly vkey?: string
  /** A checkpoint note that was kept elsewhere. */
  readonly checkpoint?: string
  /** Told of every leaf that could be read. */
  readonly onLeaf?: (index: number, leaf: Leaf) => void
  /** Told of every perfect subtree over the leaves as read. */
  readonly onNode?: NodeListener
  /** Where findings go; share it to collect those of other checks. */
  readonly findings?: Findings
}

/** Findings kept unless told otherwise. */
export const MAX_FINDINGS = 1000

/**
 * Walks a log from its first leaf: form, hash, columns, order, key leaves, receipts, sequence numbers
 * of sessions, approvals and revocations, then the root against a checkpoint. Never throws on what it
 * reads.
 */
export function verifyLog(log: LogToVerify): LogReport {
  const walk = new LogWalk(log)
  for (const row of log.leaves) walk.add(row)
  return walk.finish()
}

class LogWalk {
  readonly #log: LogToVerify
  readonly #crypto: EvidenceCrypto
  readonly #findings: Findings
  readonly #computed: Frontier
  /** The tree over the stored hashes; kept from the first leaf on whose hash differs. */
  #stored: Frontier | null = null
  readonly #keys = new KeyHistory()
  readonly #approvals = new ApprovalHistory()
  readonly #revocations = new RevocationHistory()
  readonly #sequences = new Map<string, number>()
  readonly #lastUse = new Map<string, number>()
  readonly #trusted: NoteVerifier | undefined
  readonly #watch: CheckpointWatch | undefined
  #next = 0
  #checked = 0
  #complete = true
  #origin: string | null = null
  #receipts = 0
  #validReceipts = 0

  constructor(log: LogToVerify) {
    this.#log = log
    this.#crypto = log.crypto
    this.#findings = log.findings ?? new Findings(MAX_FINDINGS)
    this.#computed = Frontier.empty(log.crypto)
    const { crypto, vkey, checkpoint } = log
    this.#trusted = vkey === undefined ? undefined : parseVkey(crypto, vkey)
    if (checkpoint !== undefined) {
      this.#watch = new CheckpointWatch(crypto, checkpoint, this.#findings)
      this.#watch.see(this.#computed, null)
    }
  }

  add(row: LogRow): void {
    if (row.index > this.#next) {
      const last = row.index - 1
      const which = last === this.#next ? `leaf ${last} is` : `leaves ${this.#next}–${last} are`
      this.#findings.add(`${which} missing`, { index: this.#next })
      this.#complete = false
    } else if (row.index < this.#next) {
      this.#findings.add('this index was read before', { index: row.index })
      this.#complete = false
      return
    }
    this.#next = row.index + 1
    this.#checked += 1
    this.#append(row)
    const leaf = this.#read(row)
    if (leaf === null) return
    this.#compareColumns(row, leaf)
    this.#checkSequence(row.index, leaf)
    const keyProblem = this.#keys.add(row.index, leaf)
    if (keyProblem !== null) this.#findings.add(keyProblem, { index: row.index, id: leaf.id })
    if (leaf.type === 'key_revoked') this.#checkRevocation(row.index, leaf)
    if (leaf.type === 'receipt') this.#checkReceipt(row.index, leaf)
    this.#checkHistory(row.index, leaf)
    this.#log.onLeaf?.(row.index, leaf)
  }

  finish(): LogReport {
    this.#checkLogKey()
    const logKeys = this.#keys.keys.filter((key) => key.purpose === 'log')
    const stored = this.#stored
    return {
      origin: this.#origin,
      leavesChecked: this.#checked,
      size: this.#next,
      root: this.#complete ? encodeHex(this.#computed.root()) : null,
      storedHashesRoot: this.#complete && stored !== null ? encodeHex(stored.root()) : null,
      checkpoint:
        this.#watch?.report(this.#next, {
          origin: this.#origin ?? '',
          trusted: this.#trusted,
          announced: logKeys.map((key) => key.publicKey),
        }) ?? null,
      trust: this.#trusted === undefined ? 'log_itself' : 'key_given',
      receipts: { checked: this.#receipts, signatureValid: this.#validReceipts },
      findings: this.#findings.kept,
      findingsOmitted: this.#findings.omitted,
    }
  }

  #append(row: LogRow): void {
    const hash = leafHash(this.#crypto, row.bytes)
    const stored = row.hash ?? hash
    const differs = !equalBytes(stored, hash)
    if (differs) {
      const id = row.columns?.['id']
      this.#findings.add('the bytes of the leaf do not give its stored hash', {
        index: row.index,
        id: typeof id === 'string' ? id : null,
        column: 'hash',
      })
    }
    if (!this.#complete) return
    if (differs && this.#stored === null) {
      const { size, hashes } = this.#computed
      this.#stored = Frontier.from(this.#crypto, size, hashes)
    }
    this.#computed.append(hash, this.#log.onNode)
    this.#stored?.append(stored)
    this.#watch?.see(this.#computed, this.#stored)
  }

  #read(row: LogRow): Leaf | null {
    const id = row.columns?.['id']
    const at = { index: row.index, id: typeof id === 'string' ? id : null, column: 'bytes' }
    let leaf: Leaf
    try {
      leaf = parseLeaf(row.bytes)
    } catch (error) {
      if (!(error instanceof LeafError)) throw error
      this.#findings.add(`not a leaf: ${error.message}`, at)
      return null
    }
    this.#origin ??= leaf.log
    if (leaf.log !== this.#origin) {
      this.#findings.add(`the leaf belongs to the log '${leaf.log}'`, { ...at, id: leaf.id })
    }
    return leaf
  }

  #compareColumns(row: LogRow, leaf: Leaf): void {
    if (row.columns === undefined) return
    const expected: Readonly<Record<string, Json>> = leafColumns(leaf)
    for (const [column, value] of Object.entries(row.columns)) {
      const right = expected[column] ?? null
      if (value === right) continue
      this.#findings.add(
        `the column says ${JSON.stringify(value)}, the leaf ${JSON.stringify(right)}`,
        { index: row.index, id: leaf.id, column },
      )
    }
  }

  // A number given twice, or left out, is a call that was hidden.
  #checkSequence(index: number, leaf: Leaf): void {
    const { session_id: session, session_seq: sequence } = leafColumns(leaf)
    if (session === null || sequence === null) return
    const last = this.#sequences.get(session) ?? 0
    const fits = isNumbered(leaf) ? sequence === last + 1 : sequence >= 1 && sequence <= last
    if (!fits) {
      const problem = `session ${session} goes from call ${last} to call ${sequence}`
      this.#findings.add(problem, { index, id: leaf.id, column: 'session_seq' })
    }
    this.#sequences.set(session, Math.max(last, sequence))
  }

  #checkHistory(index: number, leaf: Leaf): void {
    for (const problem of this.#approvals.add(index, leaf)) {
      this.#findings.add(problem, { index, id: leaf.id, column: 'approval' })
    }
    const revoked = this.#revocations.add(index, leaf)
    if (revoked === null) return
    this.#findings.add(revoked, { index, id: leaf.id, column: 'revocation' })
  }

  #checkReceipt(index: number, leaf: Leaf): void {
    this.#receipts += 1
    const receipt = leaf.body as unknown as Receipt
    const kid = String(leaf.body['signing_key_id'])
    const found = this.#keys.at('receipt', kid, index)
    const at = { index, id: leaf.id, column: 'receipt_signature' }
    if ('problem' in found && found.problem === 'out_of_range') {
      this.#findings.add(`the key ${kid} may not sign at this index`, at)
      return
    }
    const key = 'key' in found ? found.key.publicKey : undefined
    const { signature, result_hash } = checkReceipt(receipt, key, this.#crypto)
    if (signature === 'valid') this.#validReceipts += 1
    else this.#findings.add(`the receipt's signature is ${signature}`, at)
    if (result_hash === 'differs') {
      const column = 'result_hash'
      this.#findings.add('the receipt does not give its result_hash', { ...at, column })
    }
    this.#lastUse.set(kid, index)
  }

  #checkRevocation(index: number, leaf: Leaf): void {
    const { purpose, kid, from_index: from } = leaf.body
    const last = this.#lastUse.get(String(kid)) ?? -1
    if (purpose !== 'receipt' || typeof from !== 'number' || last < from) return
    const problem = `the key ${String(kid)} is revoked from leaf ${from}, but signed up to ${last}`
    this.#findings.add(problem, { index, id: leaf.id, column: 'from_index' })
  }

  // The key handed in is the root of trust; the log must have announced it itself.
  #checkLogKey(): void {
    const trusted = this.#trusted
    if (trusted === undefined) return
    const announced = this.#keys.keys.some(
      (key) => key.purpose === 'log' && equalBytes(key.publicKey, trusted.publicKey),
    )
    if (announced && this.#origin === trusted.name) return
    this.#findings.add(`this is not a log of the key ${String(this.#log.vkey)}`, {
      column: 'key_added',
    })
  }
}

// The records whose commit gives a call its number; all others repeat it (notes/evidence 7).
function isNumbered({ type, body }: Leaf): boolean {
  return type === 'intent' || type === 'hold' || (type === 'decision' && !('grant_id' in body))
}
