import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LedgerDamaged, LedgerMismatch, LedgerRolledBack } from '../../src/ledger/faults.js'
import { openDatabase } from '../../src/ledger/sqlite/database.js'
import {
  highWaterPathOf,
  inspectLedger,
  type LedgerFacts,
} from '../../src/ledger/sqlite/inspect-ledger.js'
import { LOG_SEED, note, ORIGIN, RECEIPT_KEY } from './entries.js'
import { type LedgerDir, ledgerDir } from './sqlite-fixture.js'

let place: LedgerDir

beforeEach(() => {
  place = ledgerDir()
})

afterEach(() => place.remove())

async function write(count: number): Promise<void> {
  const ledger = await place.open()
  for (let i = 0; i < count; i += 1) await ledger.record(note({ i }))
  await ledger.close()
}

function look(more: object = {}): LedgerFacts | null {
  const { path, highWaterPath, clock } = place
  const expected = { origin: ORIGIN, logKeySeed: LOG_SEED, receiptKeys: [RECEIPT_KEY] }
  return inspectLedger({ path, highWaterPath, ...expected, ...more }, clock.now())
}

/** Leaves the one file behind, as a copy or a clean shutdown of SQLite does. */
function settle(): void {
  place.tamper('PRAGMA wal_checkpoint(TRUNCATE)')
  for (const end of ['-wal', '-shm']) rmSync(`${place.path}${end}`, { force: true })
}

test('the mark lies outside the directory of the database', () => {
  expect(highWaterPathOf('/p/.latchgate/data/audit.db')).toBe('/p/.latchgate/audit.db.high-water')
})

test('where there is no ledger yet there is nothing to say, and none is made', () => {
  expect(look()).toBeNull()
  expect(readdirSync(place.dir.path)).toEqual([])
})

test('an idle ledger is read, and neither changed nor joined by other files', async () => {
  await write(3)
  settle()
  const files = readdirSync(dirname(place.path)).sort()
  const bytes = readFileSync(place.path)
  expect(look()).toEqual({
    size: 5,
    highestTime: place.clock.now(),
    isClockBehind: false,
    highWater: 5,
  })
  expect(readdirSync(dirname(place.path)).sort()).toEqual(files)
  expect(readFileSync(place.path).equals(bytes)).toBe(true)
})

test('beside a writer what is still in its write-ahead log is seen', async () => {
  const ledger = await place.open()
  for (let i = 0; i < 4; i += 1) {
    await ledger.record(note({ i }))
    expect(look()?.size).toBe(3 + i)
  }
})

test('the clock may be as far behind as the writer tolerates, and no further', async () => {
  await write(1)
  place.clock.advance(-5000)
  expect(look()?.isClockBehind).toBe(false)
  place.clock.advance(-1)
  expect(look()?.isClockBehind).toBe(true)
})

test('what openLedger refuses is refused for the same reason', async () => {
  await write(3)
  const mark = readFileSync(place.highWaterPath, 'utf8')
  expect(() => look({ origin: 'other' })).toThrow(LedgerMismatch)
  expect(() => look({ origin: 'two words' })).toThrow(LedgerMismatch)
  expect(() => look({ logKeySeed: new Uint8Array(32).fill(9) })).toThrow(LedgerMismatch)
  expect(() => look({ logKeySeed: new Uint8Array(32).fill(2) })).toThrow(/are the same/)
  expect(() => look({ highWaterPath: `${place.path}.mark` })).toThrow(/lies with the ledger/)
  rmSync(place.highWaterPath)
  expect(look()?.highWater).toBeNull()
  writeFileSync(place.highWaterPath, mark)
  place.tamper('CREATE TABLE other (a)')
  expect(() => look()).toThrow(LedgerDamaged)
  place.tamper('DROP TABLE other')
  expect(look()?.size).toBe(5)
  place.tamper("UPDATE leaves SET principal = 'eve' WHERE leaf = 4")
  expect(() => look()).toThrow(LedgerDamaged)
})

test('an older ledger, or one that is gone, is behind its mark', async () => {
  await write(1)
  settle()
  const older = readFileSync(place.path)
  await write(2)
  settle()
  writeFileSync(place.path, older)
  expect(() => look()).toThrow(LedgerRolledBack)
  rmSync(place.path)
  expect(() => look()).toThrow(LedgerRolledBack)
  expect(() => look()).toThrow(/is missing, and .* remembers/)
})

test('pages that were cut off or overwritten are damage, not a defect', async () => {
  await write(3)
  settle()
  const whole = readFileSync(place.path)
  truncateSync(place.path, whole.length - 4096)
  expect(() => look()).toThrow(LedgerDamaged)
  writeFileSync(place.path, 'no database at all'.repeat(400))
  expect(() => look()).toThrow(LedgerDamaged)
})

test('a damaged page that no record lies on is found too', async () => {
  await write(3)
  settle()
  const db = openDatabase(place.path)
  const index = "SELECT rootpage FROM sqlite_schema WHERE name = 'leaves_by_trace'"
  const { rootpage } = db.prepare(index).get() as { readonly rootpage: number }
  db.close()
  const bytes = readFileSync(place.path)
  bytes.fill(0, rootpage * 4096 - 200, rootpage * 4096)
  writeFileSync(place.path, bytes)
  expect(() => look()).toThrow(/^SQLite: /)
})

test('a name of a directory that a URL would read otherwise is taken as it is', async () => {
  await place.remove()
  place = ledgerDir()
  const odd = place.dir.file('a?b#c%20d', 'audit.db')
  const ledger = await place.open({ path: odd })
  await ledger.close()
  const db = openDatabase(odd)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  for (const end of ['-wal', '-shm']) rmSync(`${odd}${end}`, { force: true })
  expect(look({ path: odd })?.size).toBe(2)
  expect(readdirSync(dirname(odd)).filter((name) => /-(wal|shm)$/.test(name))).toEqual([])
})
