import { copyFileSync } from 'node:fs'
import { recordsAt } from '@latchgate/cli'
import { openDatabase, verifyLedgerFile } from '@latchgate/gate'
import { expect } from './expect.js'
import type { Props } from './props.js'
import type { Story } from './story.js'

/** Changes one letter of a URL in a copy of the ledger, and lets the verifier find where. */
export function tamperedLedger(story: Story, { ledger, copy }: Props): void {
  story.act('A copy of the ledger is tampered with')
  const whole = verifyLedgerFile({ path: ledger })
  expect(whole.findings.length === 0, 'the original must be whole')
  story.auditor(
    `verifies the original: ${whole.leavesChecked} leaves, ` +
      `${whole.receipts.signatureValid} of ${whole.receipts.checked} receipts signed, no finding`,
  )
  copyFileSync(ledger, copy)
  copyFileSync(`${ledger}-wal`, `${copy}-wal`)
  tamper(copy)
  story.plain('Somebody changes one letter in a receipt of the copy: …/zen becomes …/xen.')
  const broken = verifyLedgerFile({ path: copy })
  const indexes = broken.findings.flatMap(({ index }) => (index === null ? [] : [index]))
  const records = recordsAt(copy, indexes)
  story.auditor('verifies the copy:')
  for (const [index, { type, id }] of records) story.member(`leaf #${index}`, `${type} ${id}`)
  for (const { index, column, problem } of broken.findings) {
    story.member('', index === null ? `log: ${problem}` : `leaf #${index}, ${column}: ${problem}`)
  }
  const [index] = indexes
  expect(index !== undefined && records.get(index)?.type === 'receipt', 'it must be found')
}

function tamper(copy: string): void {
  const database = openDatabase(copy)
  database.exec(
    `UPDATE leaves SET bytes = CAST(replace(CAST(bytes AS TEXT),
       'api.github.com/zen', 'api.github.com/xen') AS BLOB) WHERE type = 'receipt'`,
  )
  database.close()
}
