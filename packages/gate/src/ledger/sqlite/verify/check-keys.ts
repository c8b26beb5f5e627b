import type { Findings, KeyHistory } from '@latchgate/evidence'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

/** Holds the table of keys against the key leaves: nobody may add a key beside the log. */
export function checkKeys(db: Database, history: KeyHistory, findings: Findings): void {
  const rows = new Map(
    (db.prepare('SELECT * FROM keys').all() as Row[]).map((row) => [nameOf(row), row]),
  )
  const add = (name: string, problem: string): void =>
    findings.add(problem, { id: name, column: 'keys' })
  for (const key of history.keys) {
    const name = `${key.purpose}/${key.kid}`
    const row = rows.get(name)
    rows.delete(name)
    if (row === undefined) {
      add(name, 'the key is announced in the log, but not in the table')
      continue
    }
    const publicKey = row['public_key']
    const isSame =
      publicKey instanceof Uint8Array &&
      Buffer.compare(publicKey, key.publicKey) === 0 &&
      row['added_at'] === key.addedAt &&
      row['from_leaf'] === key.fromIndex &&
      row['to_leaf'] === key.toIndex
    if (!isSame) add(name, 'the key in the table is not the one that the log announces')
  }
  for (const name of rows.keys()) add(name, 'the key is in the table, but not in the log')
}

function nameOf(row: Row): string {
  return `${String(row['purpose'])}/${String(row['kid'])}`
}
