import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { claimedCheckpoint } from '@latchgate/evidence'
import { sqliteFaultAt } from '@latchgate/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LedgerDamaged, LedgerRolledBack } from '../../src/ledger/faults.js'
import { openDatabase } from '../../src/ledger/sqlite/database.js'
import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
import { approved, call, hold, intent, lease, note } from './entries.js'
import { type OldFormat, writeOldFormat } from './old-formats.js'
import { type LedgerDir, ledgerDir } from './sqlite-fixture.js'

const CHILD = fileURLToPath(new URL('./ledger-child.js', import.meta.url))
const OLD: readonly OldFormat[] = [1, 2]
const upgradedFrom = (old: OldFormat): string =>
  `the ledger was brought up to date: format ${old} is now format 3`

let place: LedgerDir

beforeEach(() => {
  place = ledgerDir()
})

afterEach(() => place.remove())

function read<T>(sql: string): T {
  const db = openDatabase(place.path, { readOnly: true })
  try {
    return Object.values(db.prepare(sql).get() as Record<string, T>)[0]!
  } finally {
    db.close()
  }
}

const format = (): number => read('PRAGMA user_version')

const has = (table: string): boolean =>
  read<number>(`SELECT count(*) AS n FROM sqlite_schema WHERE name = '${table}'`) === 1

describe.each(OLD)('a ledger of format %i', (old) => {
  test('is brought up to date once, keeps everything, and knows what came since from then on', async () => {
    const before = await writeOldFormat(place, old)
    expect(format()).toBe(old)
    expect(has('approvals')).toBe(old === 2)
    expect(has('identity_tokens')).toBe(false)
    const ledger = await place.open()
    expect(place.warnings).toContain(upgradedFrom(old))
    expect(format()).toBe(3)
    // The grant without an outcome is of a gate that is gone, as at any start.
    expect(ledger.size).toBe(claimedCheckpoint(before.checkpoint).size + 1)
    expect(await ledger.openIntents()).toMatchObject([{ grantId: before.open, outcome: 'unknown' }])
    expect(await ledger.callsRemaining('s-1')).toBe(3)
    expect((await ledger.intend(intent({ ...call('s-1'), grantId: before.open }))).ok).toBe(false)
    const held = hold('s-1')
    expect(await ledger.hold(held)).toMatchObject({ ok: true, value: { sessionSeq: 3 } })
    expect((await ledger.intend(approved(held, call('s-1')))).ok).toBe(true)
    expect(await ledger.revocations()).toHaveLength(old - 1)
    const token = { hash: 'a', expiresAt: place.clock.now() + 1000 }
    const outcomes = [
      await ledger.issueLease(lease('s-4', { identityToken: token })),
      await ledger.issueLease(lease('s-5', { identityToken: token })),
    ]
    expect(outcomes).toMatchObject([{ ok: true }, { error: { code: 'identity_token_used' } }])
    await ledger.close()
    const report = verifyLedgerFile({ path: place.path, checkpointNote: before.checkpoint })
    expect(report.findings).toEqual([])
    expect(report.checkpoint?.consistency).toBe('matches')
    place.warnings.length = 0
    await (await place.open()).close()
    expect(place.warnings).not.toContain(upgradedFrom(old))
    expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  })

  test('that is looked at is left as it is: verifying says what to do', async () => {
    await writeOldFormat(place, old)
    const before = readFileSync(place.path)
    expect(() => verifyLedgerFile({ path: place.path })).toThrow(
      new LedgerDamaged(
        `the ledger has format ${old}; this program knows 3: start its gate once, which brings it up to date`,
      ),
    )
    expect(readFileSync(place.path).equals(before)).toBe(true)
  })

  test.each([
    ['without an index', 'DROP INDEX receipts_by_id'],
    ['without its state', 'DROP TABLE log_state'],
    ['with a trigger', 'CREATE TRIGGER t AFTER INSERT ON intents BEGIN DELETE FROM proofs; END'],
    ['with a table of the next format', 'CREATE TABLE identity_tokens (hash TEXT)'],
  ])('%s is refused, and stays as it is', async (_name, sql) => {
    await writeOldFormat(place, old)
    place.tamper(sql)
    const refusal = await place.open().catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(LedgerDamaged)
    expect(String(refusal)).toContain('the schema of the ledger was changed')
    expect(format()).toBe(old)
  })

  test('that is an older copy is refused before anything is changed', async () => {
    await writeOldFormat(place, old)
    copyFileSync(place.path, place.dir.file('backup.db'))
    const ledger = await place.open()
    await ledger.record(note())
    await ledger.issueLease(lease('s-2'))
    await ledger.close()
    copyFileSync(place.dir.file('backup.db'), place.path)
    await expect(place.open()).rejects.toThrow(LedgerRolledBack)
    expect(format()).toBe(old)
    expect(has('identity_tokens')).toBe(false)
  })

  test.each([
    ['before', 'as it was'],
    ['after', 'of the format of now'],
  ] as const)('whose gate dies %s the commit of the change is %s, whole', async (when, _state) => {
    const found = when === 'before' ? old : 3
    const before = await writeOldFormat(place, old)
    const marker = place.dir.file('struck')
    const fault = {
      statement: 'CREATE TABLE identity_tokens',
      when,
      action: 'kill',
      marker,
    } as const
    const { execArgv, env } = sqliteFaultAt(fault)
    const args = [...execArgv, CHILD, 'open-once', place.path, place.highWaterPath]
    const { signal } = spawnSync(process.execPath, args, {
      env: { PATH: process.env['PATH'], ...env },
      timeout: 25_000,
    })
    expect(signal).toBe('SIGKILL')
    expect(existsSync(marker)).toBe(true)
    expect(format()).toBe(found)
    expect(has('approvals')).toBe(found >= 2)
    expect(has('identity_tokens')).toBe(found === 3)
    const ledger = await place.open({ now: Date.now })
    expect(place.warnings.includes(upgradedFrom(old))).toBe(found !== 3)
    expect(await ledger.openIntents()).toMatchObject([{ grantId: before.open, outcome: 'unknown' }])
    await ledger.close()
    expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  })
})

test('a ledger of a format to come is refused by gate and verifier, and left as it is', async () => {
  await (await place.open()).close()
  place.tamper('PRAGMA user_version = 4')
  const message = 'the ledger has format 4; this program knows 3: use the one that wrote it'
  await expect(place.open()).rejects.toEqual(new LedgerDamaged(message))
  expect(() => verifyLedgerFile({ path: place.path })).toThrow(new LedgerDamaged(message))
  expect(format()).toBe(4)
})
