import { LeafError, parseLeaf } from '@latchgate/evidence'
import { openDatabase } from '@latchgate/gate'

/** What kind of record stands at a leaf, and its id. */
export interface LedgerRecord {
  readonly type: string
  readonly id: string
}

/**
 * Names the records at these leaves, for people who read findings: by the leaf where it can be
 * parsed, else by the columns beside it. Missing leaves are not in the answer.
 */
export function recordsAt(
  ledger: string,
  indexes: readonly number[],
): ReadonlyMap<number, LedgerRecord> {
  const records = new Map<number, LedgerRecord>()
  const database = openDatabase(ledger, { readOnly: true })
  try {
    const select = database.prepare('SELECT type, id, bytes FROM leaves WHERE leaf = ?')
    for (const index of new Set(indexes)) {
      const row = select.get(index) as Readonly<Record<string, unknown>> | undefined
      if (row !== undefined) records.set(index, recordOf(row))
    }
  } finally {
    database.close()
  }
  return records
}

function recordOf({ type, id, bytes }: Readonly<Record<string, unknown>>): LedgerRecord {
  try {
    if (bytes instanceof Uint8Array) {
      const leaf = parseLeaf(bytes)
      return { type: leaf.type, id: leaf.id }
    }
  } catch (error) {
    if (!(error instanceof LeafError)) throw error
  }
  return { type: String(type), id: String(id) }
}
