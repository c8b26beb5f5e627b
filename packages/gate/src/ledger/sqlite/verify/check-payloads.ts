import {
  asCommitment,
  commit,
  commitmentsIn,
  type Findings,
  LeafError,
  parseLeaf,
  SALT_BYTES,
} from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import { evidenceCrypto } from '../../../evidence-crypto.js'
import { PAYLOADS_PER_LEAF } from '../commands.js'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

/** Every payload that is still kept must open a commitment of its leaf (notes/evidence 1). */
export function checkPayloads(db: Database, findings: Findings): void {
  const rows =
    db.prepare(`SELECT p.id, p.kind, p.hash, p.salt, p.bytes AS payload, l.bytes FROM payloads p
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

function problemOf({ id, kind, hash, salt, payload, bytes }: Row): string | null {
  if (!(salt instanceof Uint8Array) || !(payload instanceof Uint8Array)) {
    return 'the payload cannot be read'
  }
  if (salt.length !== SALT_BYTES) return 'the salt of the payload has a wrong length'
  const actual = commit(evidenceCrypto, salt, payload)
  if (actual.hash !== hash) return 'the payload is not the one that was committed to'
  const body = bodyOf(bytes)
  // The member that commits to it is its kind: output must not pass for arguments.
  const named = typeof kind === 'string' ? asCommitment(body[kind] ?? null) : undefined
  if (named?.hash !== actual.hash || named.bytes !== actual.bytes) {
    return `no commitment '${String(kind)}' of the record is of this payload`
  }
  const place = Number(id) % PAYLOADS_PER_LEAF
  return place < commitmentsIn(body).length ? null : 'the payload has a place of its own'
}

function bodyOf(bytes: unknown): JsonObject {
  if (!(bytes instanceof Uint8Array)) return {}
  try {
    return parseLeaf(bytes).body
  } catch (error) {
    if (error instanceof LeafError) return {}
    throw error
  }
}
