import { type Findings, LeafError, parseLeaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

/** Every used proof that is still remembered must be the one of its leaf. */
export function checkProofs(db: Database, findings: Findings): void {
  const rows = db.prepare(`SELECT p.jkt, p.jti, p.leaf, l.bytes FROM proofs p
    LEFT JOIN leaves l ON l.leaf = p.leaf`)
  for (const row of rows.iterate() as IterableIterator<Row>) {
    const { jkt, jti, leaf, bytes } = row
    const proof = proofOf(bytes)
    if (proof?.['jkt'] === jkt && proof?.['jti'] === jti) continue
    findings.add(`the proof ${String(jti)} is not the one of its record`, {
      index: typeof leaf === 'number' ? leaf : null,
      id: String(jti),
      column: 'proofs',
    })
  }
}

function proofOf(bytes: unknown): JsonObject | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined
  try {
    return parseLeaf(bytes).body['proof'] as JsonObject | undefined
  } catch (error) {
    if (error instanceof LeafError) return undefined
    throw error
  }
}
