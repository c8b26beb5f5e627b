import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { fileURLToPath } from 'node:url'
import { killAt } from '@latchgate/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  LedgerDamaged,
  LedgerInUse,
  LedgerMismatch,
  LedgerRolledBack,
} from '../../src/ledger/faults.js'
import { openDatabase } from '../../src/ledger/sqlite/database.js'
import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
import { call, intent, LOG_SEED, note, RECEIPT_KEY, seal } from './entries.js'
import { writeFullLedger } from './full-ledger.js'
import { type LedgerDir, ledgerDir } from './sqlite-fixture.js'

const CHILD = fileURLToPath(new URL('./ledger-child.js', import.meta.url))

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

/** The high-water file without its last lines. */
function forget(lines: number): void {
  const kept = readFileSync(place.highWaterPath, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  writeFileSync(place.highWaterPath, `${kept.slice(0, -lines).join('\n')}\n`)
}

describe('rollback', () => {
  test('an older copy put back is refused, and nothing is written', async () => {
    await write(3)
    copyFileSync(place.path, place.dir.file('backup.db'))
    await write(5)
    copyFileSync(place.dir.file('backup.db'), place.path)
    const before = readFileSync(place.path)
    await expect(place.open()).rejects.toThrow(LedgerRolledBack)
    await expect(place.open()).rejects.toThrow('has 5 records, but had 10: it is an older copy')
    expect(readFileSync(place.path).equals(before)).toBe(true)
  })

  test('a ledger that is gone is refused, not begun again', async () => {
    await write(3)
    rmSync(place.path)
    await expect(place.open()).rejects.toThrow(LedgerRolledBack)
  })

  test('another ledger of the same name, key and length is refused', async () => {
    await write(3)
    const other = ledgerDir()
    const ledger = await other.open()
    for (let i = 0; i < 5; i += 1) await ledger.record(note({ other: i }))
    await ledger.close()
    copyFileSync(other.path, place.path)
    await other.remove()
    await expect(place.open()).rejects.toThrow(/its first 5 records differ/)
  })

  test('a high-water file that was taken back with the ledger is believed: it must lie elsewhere', async () => {
    await write(3)
    const inside = { highWaterPath: place.dir.file('data', 'mark') }
    await expect(place.open(inside)).rejects.toThrow(LedgerMismatch)
    const below = { highWaterPath: place.dir.file('data', 'more', 'mark') }
    await expect(place.open(below)).rejects.toThrow(/outside the directory of the database/)
  })

  test('without the high-water file it opens with a warning, and has one again', async () => {
    await write(3)
    rmSync(place.highWaterPath)
    await write(1)
    expect(place.warnings).toEqual([
      `${place.highWaterPath} is missing: whether the ledger is an older copy cannot be known`,
    ])
    await write(1)
    expect(place.warnings).toHaveLength(1)
  })

  test('a torn last line is no obstacle, and the line before it still protects', async () => {
    await write(3)
    copyFileSync(place.path, place.dir.file('backup.db'))
    await write(5)
    await write(1)
    const text = readFileSync(place.highWaterPath, 'utf8')
    truncateSync(place.highWaterPath, text.length - 20)
    await write(1)
    expect(place.warnings).toEqual([])
    copyFileSync(place.dir.file('backup.db'), place.path)
    await expect(place.open()).rejects.toThrow(LedgerRolledBack)
  })

  test('a mark that the log key did not sign is refused, whatever its size', async () => {
    await write(3)
    const text = readFileSync(place.highWaterPath, 'utf8')
    writeFileSync(place.highWaterPath, text.replaceAll('\\n5\\n', '\\n4\\n'))
    await expect(place.open()).rejects.toThrow(/did not sign/)
  })

  test('marks of other logs in the same file are left alone', async () => {
    const other = ledgerDir()
    const shared = { highWaterPath: place.highWaterPath, origin: 'gate.example.com/other' }
    const ledger = await other.open(shared)
    await ledger.record(note())
    await ledger.close()
    await write(3)
    const again = await other.open(shared)
    expect(again.size).toBe(3)
    await other.remove()
    forget(1)
    await write(1)
    expect(place.warnings).toEqual([])
  })

  test('the file is compacted, and keeps the latest mark of every log', async () => {
    const other = ledgerDir()
    const shared = { highWaterPath: place.highWaterPath, origin: 'gate.example.com/other' }
    const ledger = await other.open(shared)
    await ledger.close()
    const line = readFileSync(place.highWaterPath, 'utf8')
    writeFileSync(place.highWaterPath, line.repeat(Math.ceil(1_100_000 / line.length)))
    await write(3)
    expect(statSync(place.highWaterPath).size).toBeLessThan(3000)
    expect(statSync(place.highWaterPath).mode & 0o777).toBe(0o600)
    rmSync(other.path)
    await expect(other.open(shared)).rejects.toThrow(LedgerRolledBack)
    await other.remove()
    rmSync(place.path)
    await expect(place.open()).rejects.toThrow(LedgerRolledBack)
  })

  test('a checkpoint is in the high-water file when the ledger has closed', async () => {
    const ledger = await place.open()
    await ledger.record(note())
    const checkpoint = ledger.checkpoint()
    await ledger.close()
    const last = readFileSync(place.highWaterPath, 'utf8').trimEnd().split('\n').at(-1)!
    expect(JSON.parse(last)).toEqual({ note: checkpoint })
  })
})

describe('a ledger of another configuration', () => {
  test('another log key, another name, the receipt key as log key: each is refused', async () => {
    await write(3)
    const otherKey = { logKeySeed: new Uint8Array(32).fill(9) }
    await expect(place.open(otherKey)).rejects.toThrow(LedgerMismatch)
    await expect(place.open({ origin: 'other' })).rejects.toThrow(/set gate_name back/)
    await expect(place.open({ logKeySeed: new Uint8Array(32).fill(2) })).rejects.toThrow(
      /the log key and a receipt key are the same/,
    )
    for (const origin of ['', 'two words', 'a+b', 'ä', 'a\nb']) {
      await expect(place.open({ origin }), origin).rejects.toThrow(LedgerMismatch)
    }
    await write(1)
  })

  test('another receipt key under a known kid is refused; a further one is announced', async () => {
    await write(1)
    const twin = { ...RECEIPT_KEY, publicKey: new Uint8Array(32).fill(5) }
    await expect(place.open({ receiptKeys: [twin] })).rejects.toThrow(/kids must differ/)
    const added = { ...twin, kid: '0505050505050505' }
    const ledger = await place.open({ receiptKeys: [RECEIPT_KEY, added] })
    expect(await ledger.keys()).toMatchObject([{}, {}, { kid: added.kid, fromIndex: 3 }])
  })
})

describe('one writer', () => {
  test('a second one in this process is refused while the first is open', async () => {
    const ledger = await place.open()
    await expect(place.open()).rejects.toThrow(LedgerInUse)
    await ledger.record(note())
    await ledger.close()
    await (await place.open()).record(note())
  })

  test('a second process is refused; after the first was killed it is let in', async () => {
    const args = [CHILD, 'write', place.path, place.highWaterPath]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const started = new Promise((resolve) => child.stdout.once('data', resolve))
    await started
    await expect(place.open({ now: Date.now })).rejects.toThrow(LedgerInUse)
    const killed = await killAt(child, 'receipt ')
    expect(killed.signal).toBe('SIGKILL')
    const ledger = await place.open({ now: Date.now })
    await ledger.record(note())
  })
})

describe('start-up check', () => {
  const count = (table: string): number => {
    const db = openDatabase(place.path, { readOnly: true })
    try {
      return (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
    } finally {
      db.close()
    }
  }

  test.each([
    ['the root', 'UPDATE log_state SET root = zeroblob(32)', /does not give the root/],
    ['the frontier', 'UPDATE log_state SET frontier = zeroblob(length(frontier))', /the frontier/],
    [
      'a frontier of another length',
      'UPDATE log_state SET frontier = zeroblob(31)',
      /the frontier/,
    ],
    ['a tile', 'UPDATE tiles SET hashes = zeroblob(32) WHERE level = 1', /frontier|incomplete/],
    ['a tile above', 'DELETE FROM tiles WHERE level = 1', /entries|incomplete/],
    [
      'the last leaf gone',
      'DELETE FROM leaves WHERE leaf = (SELECT max(leaf) FROM leaves)',
      /no entries/,
    ],
    ['a leaf beyond the size', 'UPDATE log_state SET size = size - 1', /beyond|frontier/],
    [
      'bytes of the last commit',
      "UPDATE leaves SET bytes = X'00' WHERE leaf = (SELECT batch_from FROM log_state)",
      /does not give its hash/,
    ],
    [
      'a column of the last commit',
      "UPDATE leaves SET principal = 'x' WHERE leaf = (SELECT batch_from FROM log_state)",
      /column principal was changed/,
    ],
    ['no state', 'DELETE FROM log_state', /log_state is missing/],
    [
      'a trigger',
      'CREATE TRIGGER t AFTER INSERT ON intents BEGIN DELETE FROM proofs; END',
      /schema/,
    ],
    ['a missing index', 'DROP INDEX receipts_by_id', /schema/],
    ['another version', 'PRAGMA user_version = 7', /format 7/],
    ['another application', 'PRAGMA application_id = 7', /not a LatchGate ledger/],
  ])('finds %s and appends nothing', async (_name, sql, message) => {
    await writeFullLedger(place)
    place.tamper(sql)
    const before = count('leaves')
    const error: unknown = await place.open().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LedgerDamaged)
    expect(String(error)).toMatch(message)
    expect(count('leaves')).toBe(before)
  })

  test('a leaf of the last commit that is no leaf is damage, not a fault without a name', async () => {
    await write(1)
    const db = openDatabase(place.path)
    const bytes = Buffer.from('{}')
    const { evidenceCrypto } = await import('../../src/evidence-crypto.js')
    const { leafHash } = await import('@latchgate/evidence')
    const hash = leafHash(evidenceCrypto, bytes)
    db.prepare('UPDATE leaves SET bytes = ?, hash = ? WHERE leaf = 2').run(bytes, hash)
    db.prepare('UPDATE log_state SET root = ?, frontier = ? WHERE id = 1').run(hash, hash)
    db.close()
    await expect(place.open()).rejects.toThrow(LedgerDamaged)
  })

  test('a file that is no database is refused and left as it is', async () => {
    mkdirSync(place.dir.file('data'))
    writeFileSync(place.path, 'something else '.repeat(1000))
    await expect(place.open()).rejects.toThrow(/not a database/)
    expect(readFileSync(place.path, 'utf8')).toBe('something else '.repeat(1000))
  })

  test('the frontier of every size is found again', async () => {
    const ledger = await place.open()
    for (let i = 0; i < 270; i += 1) void ledger.record(note({ i }))
    await ledger.close()
    for (let i = 0; i < 3; i += 1) await write(1)
    expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  })
})

describe('files', () => {
  const modeOf = (path: string): number => statSync(path).mode & 0o777

  test('are readable for their owner only, also those that were not', async () => {
    const ledger = await place.open()
    await ledger.record(note())
    const files = [place.path, `${place.path}-wal`, `${place.path}-shm`, `${place.path}.lock`]
    for (const file of [...files, place.highWaterPath]) expect(modeOf(file), file).toBe(0o600)
    expect(modeOf(place.dir.file('data'))).toBe(0o700)
    await ledger.close()
    chmodSync(place.path, 0o644)
    chmodSync(place.highWaterPath, 0o640)
    await place.open()
    expect(modeOf(place.path)).toBe(0o600)
    expect(modeOf(place.highWaterPath)).toBe(0o600)
    expect(place.warnings).toHaveLength(2)
  })

  test('of a closed ledger hold everything in the database itself', async () => {
    const ledger = await place.open()
    const one = call('s-1')
    await ledger.intend(intent(one))
    const entry = seal(one, 1)
    await ledger.seal(entry)
    await ledger.close()
    const wal = `${place.path}-wal`
    if (existsSync(wal)) expect(statSync(wal).size).toBe(0)
    renameSync(place.path, place.dir.file('moved.db'))
    expect(verifyLedgerFile({ path: place.dir.file('moved.db') })).toMatchObject({
      size: 5,
      findings: [],
    })
  })

  test('the seed that was handed over is not changed, and not kept', async () => {
    const logKeySeed = Uint8Array.from(LOG_SEED)
    const ledger = await place.open({ logKeySeed })
    logKeySeed.fill(0)
    await ledger.record(note())
    expect(
      verifyLedgerFile({ path: place.path, vkey: ledger.vkey, checkpointNote: ledger.checkpoint() })
        .checkpoint?.signature,
    ).toBe('valid')
  })
})
