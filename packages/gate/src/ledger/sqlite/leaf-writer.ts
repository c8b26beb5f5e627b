import { type Leaf, leafColumns, MAX_LEAF_BYTES, SALT_BYTES } from '@latchgate/evidence'
import { isoMillis, type JsonObject } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'
import type { LeafDraft, PayloadDraft } from '../port.js'
import { ByteArena } from './byte-arena.js'
import { type LeafRef, PAYLOADS_PER_LEAF, type PayloadRef } from './commands.js'
import { leafText } from './leaf-text.js'

/** The log that leaves are written for. */
export interface LogIdentity {
  readonly origin: string
  readonly gateId: string
}

/**
 * Writes leaves and payloads into one arena a message. Throws LedgerFault `invalid_entry` for what no leaf
 * can hold.
 */
export class LeafWriter {
  readonly #log: LogIdentity
  readonly #arena = new ByteArena()
  #time = { ms: 0, text: isoMillis(0) }

  constructor(log: LogIdentity) {
    this.#log = log
  }

  /** The payloads of one leaf: salt and bytes into the arena, their place into the reference. */
  payloads(drafts: readonly PayloadDraft[]): readonly PayloadRef[] {
    if (drafts.length > PAYLOADS_PER_LEAF) {
      throw new LedgerFault('invalid_entry', `a record has at most ${PAYLOADS_PER_LEAF} payloads`)
    }
    return drafts.map(({ kind, hash, salt, bytes, eraseAfter }) => {
      if (salt.length !== SALT_BYTES) {
        throw new LedgerFault('invalid_entry', `a salt has ${SALT_BYTES} bytes`)
      }
      const at = this.#arena.addBytes(salt)
      this.#arena.addBytes(bytes)
      return { kind, hash, eraseAfter, at, length: bytes.length }
    })
  }

  /**
   * One leaf in JCS form. Where it is sequenced the writer puts the number in; `bodyText` is the body where it
   * has been written out already.
   */
  leaf(
    draft: Pick<LeafDraft, 'type' | 'id'>,
    body: JsonObject,
    time: number,
    isSequenced: boolean,
    bodyText?: string,
  ): LeafRef {
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
    const text = leafText(leaf, isSequenced, bodyText)
    const ref = this.#arena.addLeaf(text)
    if (ref.length - 1 > MAX_LEAF_BYTES) {
      throw new LedgerFault(
        'invalid_entry',
        `a ${draft.type} record of ${ref.length} bytes is larger than a leaf may be ` +
          `(${MAX_LEAF_BYTES})`,
      )
    }
    const columns = leafColumns(leaf)
    assertStorable(Object.values(columns))
    return { ...ref, columns: isSequenced ? { ...columns, session_seq: null } : columns }
  }

  /** The bytes of everything written since the last call. */
  takeArena(): Uint8Array<ArrayBuffer> {
    return this.#arena.take()
  }
}

/** Throws LedgerFault `invalid_entry` for a text that no column of the ledger can hold. */
export function assertStorable(texts: readonly (string | number | null)[]): void {
  // SQLite gives a text back up to its first NUL. The column would say another name than the record, and
  // whoever verifies the ledger, or starts it, would have to take that for tampering.
  if (!texts.some((text) => typeof text === 'string' && text.includes('\0'))) return
  throw new LedgerFault('invalid_entry', 'a text with a NUL cannot stand in a column of the ledger')
}
