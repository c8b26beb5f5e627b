import { openDatabase } from '@latchgate/gate'
import type { JsonObject } from '@latchgate/protocol'
import type { TestProject } from './gate.js'

/** Bodies of the records about policy data and reloads, oldest first, read from the ledger's file. */
export function policyRecords(project: Pick<TestProject, 'ledger'>): readonly JsonObject[] {
  const db = openDatabase(project.ledger, { readOnly: true })
  try {
    const rows = db
      .prepare("SELECT bytes FROM leaves WHERE type IN ('policy', 'admin') ORDER BY leaf")
      .all() as { bytes: Uint8Array }[]
    return rows.map(({ bytes }) => {
      const text = Buffer.from(bytes).toString('utf8')
      return (JSON.parse(text.slice(text.indexOf('{'))) as { body: JsonObject }).body
    })
  } finally {
    db.close()
  }
}
