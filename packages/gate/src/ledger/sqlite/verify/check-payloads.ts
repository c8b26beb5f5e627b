import {
  commit,
  commitmentsIn,
  type Findings,
  LeafError,
  parseLeaf,
  SALT_BYTES,
} from '@latchgate/evidence'
import { evidenceCrypto } from '../../../evidence-crypto.js'
import { PAYLOADS_PER_LEAF } from '../commands.js'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

/** Every payload that is still kept must open a commitment of its leaf (notes/evidence 1). */
export function checkPayloads(db: Database, findings: Findings): void {
  const rows = db.prepare(`SELECT p.id, p.hash, p.salt, p.bytes AS payload, l.bytes FROM payloads p
    LEFT JOIN leaves l ON l.leaf = p.id / ${PAYLOADS_PER_LEAF}`)
  for (const row of rows.iterate() as IterableIterator<Row>) {
    const problem = problemOf(row)
    if (problem === null) continue
    findings.add(problem, {
      index: Math.floor(Number(row['id']) / PAYLOADS_PER_LEAF),
      id: String(row['hash']),
      column: 'payloads',
    })
  }
}

function problemOf({ hash, salt, payload, bytes }: Row): string | null {
  if (!(salt instanceof Uint8Array) || !(payload instanceof Uint8Array)) {
    return 'the payload cannot be read'
  }
  if (salt.length !== SALT_BYTES) return 'the salt of the payload has a wrong length'
  const actual = commit(evidenceCrypto, salt, payload)
  if (actual.hash !== hash) return 'the payload is not the one that was committed to'
  const isNamed = commitmentsOf(bytes).some(
    (one) => one.hash === actual.hash && one.bytes === actual.bytes,
  )
  return isNamed ? null : 'no commitment of the record is of this payload'
}

function commitmentsOf(bytes: unknown): ReturnType<typeof commitmentsIn> {
  if (!(bytes instanceof Uint8Array)) return []
  try {
    return commitmentsIn(parseLeaf(bytes).body)
  } catch (error) {
    if (error instanceof LeafError) return []
    throw error
  }
}
