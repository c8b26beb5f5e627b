import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { LogReport } from '@latchgate/evidence'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LedgerDamaged } from '../../src/ledger/faults.js'
import { openDatabase, type SqlValue } from '../../src/ledger/sqlite/database.js'
import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
import { call, intent, note } from './entries.js'
import { writeFullLedger } from './full-ledger.js'
import { type LedgerDir, ledgerDir } from './sqlite-fixture.js'

let place: LedgerDir
let checkpoint: string
let copy: string
let copies = 0

beforeAll(async () => {
  place = ledgerDir()
  checkpoint = await writeFullLedger(place)
  copy = place.dir.file('copy.db')
})

afterAll(() => place.remove())

/** What the verifier says of a copy that was changed; an error of reading counts as having noticed. */
function changed(
  change: (run: (sql: string, ...values: SqlValue[]) => void) => void,
): LogReport | LedgerDamaged {
  // A file of its own each time: SQLite remembers locks by file.
  rmSync(copy, { force: true })
  copies += 1
  copy = place.dir.file(`copy-${copies}.db`)
  copyFileSync(place.path, copy)
  const db = openDatabase(copy)
  try {
    db.exec('PRAGMA ignore_check_constraints = ON')
    db.exec('PRAGMA synchronous = OFF')
    change((sql, ...values) => db.prepare(sql).run(...values))
  } finally {
    db.close()
  }
  return verdict(copy)
}

function verdict(path: string): LogReport | LedgerDamaged {
  try {
    return verifyLedgerFile({ path })
  } catch (error) {
    if (error instanceof LedgerDamaged) return error
    throw error
  }
}

const isNoticed = (found: LogReport | LedgerDamaged): boolean =>
  found instanceof LedgerDamaged || found.findings.length > 0

interface Column {
  readonly name: string
  readonly type: string
  readonly notnull: number
  readonly pk: number
}

function tables(): readonly { readonly name: string; readonly columns: readonly Column[] }[] {
  const db = openDatabase(place.path, { readOnly: true })
  try {
    const names = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all() as { name: string }[]
    return names.map(({ name }) => ({
      name,
      columns: db.prepare(`PRAGMA table_info(${name})`).all() as unknown as Column[],
    }))
  } finally {
    db.close()
  }
}

// Of the leaves the first of each type and the last; of what comes with every call the first of each
// kind, some and the last; of everything else every row.
function sampleRows(table: string, keys: readonly string[]): readonly Record<string, SqlValue>[] {
  const db = openDatabase(place.path, { readOnly: true })
  try {
    const rows = db.prepare(`SELECT * FROM ${table} ORDER BY ${keys.join(', ')}`).all()
    const all = rows as Record<string, SqlValue>[]
    const type = table === 'leaves' ? 'type' : 'kind'
    if (!['leaves', 'payloads', 'proofs'].includes(table)) return all
    const isFirst = (row: Record<string, SqlValue>, i: number): boolean =>
      all.findIndex((one) => one[type] === row[type]) === i
    const isSome = (i: number): boolean => table !== 'leaves' && i % 8 === 1
    return all.filter((row, i) => isFirst(row, i) || isSome(i) || i === all.length - 1)
  } finally {
    db.close()
  }
}

function otherValues(column: Column, value: SqlValue): readonly SqlValue[] {
  const others: SqlValue[] = column.notnull === 0 && column.pk === 0 ? [null] : []
  if (column.type === 'INTEGER') {
    others.push(...(typeof value === 'number' ? [value + 1, value - 1, -7] : [1]))
  } else if (column.type === 'TEXT') {
    others.push(`${String(value)}x`, '')
  } else {
    const bytes = value as Uint8Array
    others.push(new Uint8Array(), bytes.slice(0, -1))
    for (const at of [0, bytes.length >> 1, bytes.length - 1])
      others.push(bytes.with(at, bytes[at]! ^ 1))
  }
  return others.filter((other) => other !== value)
}

/**
 * Columns that no leaf gives, and why that is bearable. Whoever can write them holds the disk, and
 * gains what is said here.
 */
const NOT_DERIVED: Readonly<Record<string, string>> = {
  'log_state.batch': 'random; says to a gate whether a commit of unknown fate is on the disk',
  'log_state.batch_from':
    'how many of the last leaves are checked at start; within the log it must lie',
  'payloads.erase_after': 'retention: bytes kept longer or erased sooner, no proof changes',
  'proofs.forget_after': 'a proof forgotten sooner is too old after two minutes in any case',
  'proofs.id': 'order of use; another order than the log is found, another number is not',
}

test('an untouched ledger has no findings, against its checkpoint neither, and is only read', () => {
  const before = readFileSync(place.path)
  const report = verifyLedgerFile({ path: place.path, checkpointNote: checkpoint })
  expect(report.findings).toEqual([])
  expect(report.checkpoint).toMatchObject({ signature: 'valid_by_log_key', consistency: 'matches' })
  expect(report.leavesChecked).toBe(report.size)
  expect(report.receipts).toEqual({ checked: 8, signatureValid: 8 })
  expect(readFileSync(place.path).equals(before)).toBe(true)
  chmodSync(place.path, 0o400)
  expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  chmodSync(place.path, 0o600)
})

test('something is in every table, or its columns could not be tampered with', () => {
  for (const { name, columns } of tables()) {
    expect(sampleRows(name, [columns[0]!.name]).length, name).toBeGreaterThan(0)
  }
  expect(sampleRows('tiles', ['level', 'tile']).map((row) => [row['level'], row['tile']])).toEqual([
    [0, 0],
    [1, 0],
  ])
  const states = sampleRows('approvals', ['approval_id']).map((row) => String(row['state']))
  expect([...new Set(states)].sort()).toEqual([
    'approved',
    'claimed',
    'denied',
    'expired',
    'failed',
    'pending',
    'revoked',
  ])
})

describe('any value of any column, changed', () => {
  const names = [
    'approval_votes',
    'approvals',
    'identity_tokens',
    'intents',
    'keys',
    'learned_rules',
    'leaves',
    'log_state',
    'payloads',
    'proofs',
    'quota_uses',
    'revocations',
    'sessions',
    'tiles',
  ] as const

  test('the tables are all that there are', () => {
    expect(tables().map((table) => table.name)).toEqual(names)
  })

  test.each(names)('of %s, is found', (name) => {
    const { columns } = tables().find((table) => table.name === name)!
    const keys = columns.filter((column) => column.pk > 0).map((column) => column.name)
    const missed = new Set<string>()
    for (const row of sampleRows(name, keys)) {
      for (const column of columns) {
        for (const other of otherValues(column, row[column.name]!)) {
          const where = keys.map((key) => `${key} = ?`).join(' AND ')
          let isStored = true
          const found = changed((run) => {
            try {
              run(
                `UPDATE ${name} SET ${column.name} = ? WHERE ${where}`,
                other,
                ...keys.map((key) => row[key]!),
              )
            } catch (error) {
              // The place of another row.
              if (!/UNIQUE constraint/.test(String(error))) throw error
              isStored = false
            }
          })
          if (isStored && !isNoticed(found)) missed.add(`${name}.${column.name}`)
        }
      }
    }
    expect([...missed].filter((column) => NOT_DERIVED[column] === undefined)).toEqual([])
    const documented = Object.keys(NOT_DERIVED).filter((column) => column.startsWith(`${name}.`))
    expect([...missed].sort(), 'what is documented as not found is not found').toEqual(documented)
  })

  test('an integer that no double holds, is found or the file cannot be read', () => {
    const large = '9223372036854775807'
    for (const sql of [
      `UPDATE leaves SET session_seq = ${large} WHERE leaf = 5`,
      `UPDATE sessions SET calls_remaining = ${large} WHERE session_id = 's-limited'`,
      `UPDATE intents SET dispatch_not_after = ${large}`,
      `UPDATE log_state SET highest_time = ${large}`,
    ]) {
      expect(isNoticed(changed((run) => run(sql))), sql).toBe(true)
    }
  })
})

describe('rows', () => {
  // Erased payloads and forgotten proofs are what retention does; of the proofs the oldest only.
  const DELETABLE = ['payloads']

  test.each([
    'approval_votes',
    'approvals',
    'identity_tokens',
    'intents',
    'keys',
    'learned_rules',
    'leaves',
    'log_state',
    'quota_uses',
    'revocations',
    'sessions',
    'tiles',
  ])('any row of %s, deleted, is found', (name) => {
    const { columns } = tables().find((table) => table.name === name)!
    const keys = columns.filter((column) => column.pk > 0).map((column) => column.name)
    for (const row of sampleRows(name, keys)) {
      const where = keys.map((key) => `${key} = ?`).join(' AND ')
      const values = keys.map((key) => row[key]!)
      const found = changed((run) => run(`DELETE FROM ${name} WHERE ${where}`, ...values))
      expect(isNoticed(found), `${name} ${values.join('/')}`).toBe(true)
    }
  })

  test('a proof deleted from between others is found: it could be used again', () => {
    const found = changed((run) =>
      run('DELETE FROM proofs WHERE id = (SELECT max(id) - 1 FROM proofs)'),
    )
    expect(found).toMatchObject({
      findings: [{ column: 'proofs', problem: /could be used again/ }],
    })
    const last = changed((run) => run('DELETE FROM proofs WHERE id = (SELECT max(id) FROM proofs)'))
    expect(isNoticed(last)).toBe(true)
  })

  test('an erased payload and the oldest proofs, forgotten, are no findings', () => {
    for (const name of DELETABLE) {
      const found = changed((run) =>
        run(`DELETE FROM ${name} WHERE id = (SELECT min(id) FROM ${name})`),
      )
      expect(found).toMatchObject({ findings: [] })
    }
    const forgotten = changed((run) => run('DELETE FROM proofs WHERE id <= 2'))
    expect(forgotten).toMatchObject({ findings: [] })
  })

  test.each([
    [
      'a grant',
      "INSERT INTO intents SELECT 'invented', leaf, session_id, debited, dispatch_not_after, outcome, outcome_leaf, settled FROM intents LIMIT 1",
    ],
    [
      'an approval',
      "INSERT INTO approvals SELECT 'invented', -1, principal, session_id, lease_jti, call_hash, plan_hash, expires_at, required, state, NULL, end_leaf FROM approvals WHERE state = 'denied' LIMIT 1",
    ],
    [
      'a vote',
      "INSERT INTO approval_votes SELECT approval_id, 'ivan', leaf FROM approvals LIMIT 1",
    ],
    ['a used token', "INSERT INTO identity_tokens VALUES ('invented', 0, 9)"],
    ['a vote on nothing', "INSERT INTO approval_votes VALUES ('invented', 'ivan', 9)"],
    ['a revocation', "INSERT INTO revocations VALUES (9, 'principal', 'agent-b', 9)"],
    ['a use of a quota', "INSERT INTO quota_uses VALUES ('invented', 'agent-a', 0, 0)"],
    [
      'a rule',
      "INSERT INTO learned_rules VALUES ('domain', 'http_fetch', 'evil.example.com', '*', 9)",
    ],
    ['a session', "INSERT INTO sessions VALUES ('invented', 0, 1, 100)"],
    [
      'a key',
      "INSERT INTO keys SELECT purpose, 'invented', public_key, added_at, from_leaf, to_leaf FROM keys LIMIT 1",
    ],
    ['a tile', 'INSERT INTO tiles SELECT level + 1, tile, hashes FROM tiles WHERE level = 1'],
    [
      'a proof',
      "INSERT INTO proofs SELECT NULL, jkt, 'invented', forget_after, leaf FROM proofs LIMIT 1",
    ],
    [
      'a payload',
      'INSERT INTO payloads SELECT id + 1, kind, hash, erase_after, salt, bytes FROM payloads LIMIT 1',
    ],
    [
      'a leaf',
      'INSERT INTO leaves SELECT (SELECT max(leaf) + 1 FROM leaves), hash, type, id, time, trace_id, session_id, session_seq, principal, action_id, decision, bytes FROM leaves WHERE leaf = 0',
    ],
  ])('%s that the log does not know is found', (_name, sql) => {
    expect(isNoticed(changed((run) => run(sql)))).toBe(true)
  })
})

describe('who would hide something', () => {
  const tampered = (sql: string): LogReport => {
    const found = changed((run) => run(sql))
    if (found instanceof LedgerDamaged) throw found
    return found
  }

  test('an unknown call taken off the operators\u2019 list is named', () => {
    const { findings } = tampered(
      "UPDATE intents SET outcome = 'resolved', settled = 1 WHERE outcome = 'unknown'",
    )
    expect(findings).toMatchObject([{ column: 'intents' }])
    const settled = tampered("UPDATE intents SET settled = 1 WHERE outcome = 'unknown'")
    expect(settled.findings.some((one) => one.column === 'intents' && one.id !== null)).toBe(true)
  })

  test('an approval made pending again is named: it would begin a second time', () => {
    const { findings } = tampered(
      "UPDATE approvals SET state = 'pending', end_leaf = NULL WHERE state = 'denied'",
    )
    expect(findings).toMatchObject([
      { column: 'approvals.state', problem: 'the table says "pending", the log "denied"' },
      { column: 'approvals.end_leaf' },
    ])
  })

  test('a quorum filled up by a vote that nobody gave is named, with the operator', () => {
    const { findings } = tampered(
      "INSERT INTO approval_votes SELECT approval_id, 'ivan', leaf FROM approvals WHERE state = 'pending'",
    )
    expect(findings[0]).toMatchObject({
      column: 'approval_votes',
      problem: "the table has a vote of 'ivan', the log has none",
    })
  })

  test('a revocation taken away, a quota emptied, a destination added: each is named', () => {
    expect(tampered("DELETE FROM revocations WHERE kind = 'all'").findings).toMatchObject([
      { column: 'revocations', problem: /what it ended would work again/ },
    ])
    expect(tampered('DELETE FROM quota_uses').findings).toMatchObject([
      { column: 'quota_uses', problem: /would let more through/ },
    ])
    const rule = "INSERT INTO learned_rules VALUES ('domain', 'http_fetch', 'evil.example', '*', 5)"
    expect(tampered(rule).findings).toMatchObject([
      { column: 'learned_rules', problem: 'the rule is in the table, but nobody added it' },
    ])
  })

  test('a used token taken away, or given a shorter life, is named', () => {
    const taken = tampered("DELETE FROM identity_tokens WHERE hash = 'token-1'")
    expect(taken.findings).toMatchObject([
      {
        id: 'token-1',
        column: 'identity_tokens',
        problem: 'the token is not in the table: it could be used again',
      },
    ])
    const shorter = tampered("UPDATE identity_tokens SET expires_at = 0 WHERE hash = 'token-2'")
    expect(shorter.findings).toMatchObject([{ id: 'token-2', column: 'identity_tokens' }])
  })

  test('a use that was given back, put in again, is named', () => {
    const { findings } = tampered(`INSERT INTO quota_uses
      SELECT json_extract(l.bytes, '$.body.grant_id'), 'agent-a', 0, 7 FROM leaves l
      WHERE l.type = 'intent' AND json_extract(l.bytes, '$.body.quota') IS NOT NULL
      ORDER BY l.leaf DESC LIMIT 1`)
    expect(findings.map((one) => one.problem)).toContain(
      'the use was given back, and is in the table',
    )
  })

  test('output shown as the arguments is named', () => {
    const { findings } = tampered("UPDATE payloads SET kind = 'arguments' WHERE kind = 'output'")
    expect(findings[0]).toMatchObject({ column: 'payloads', problem: /no commitment 'arguments'/ })
  })

  test('a budget filled up again is named, with the session', () => {
    const { findings } = tampered(
      "UPDATE sessions SET calls_remaining = 100 WHERE session_id = 's-limited'",
    )
    expect(findings).toMatchObject([
      { id: 's-limited', problem: 'the table says 100 calls left, the log 2 calls left' },
    ])
  })

  test('the time of the log set back is found: a clock could follow it', () => {
    const { findings } = tampered('UPDATE log_state SET highest_time = highest_time - 1')
    expect(findings).toMatchObject([{ column: 'log_state', problem: /highest time/ }])
  })

  test.each([
    [
      'a trigger',
      'CREATE TRIGGER t AFTER INSERT ON intents BEGIN UPDATE sessions SET calls_remaining = 9; END',
    ],
    ['a further table', 'CREATE TABLE t (a)'],
    ['a missing unique index', 'DROP INDEX receipts_by_id'],
    ['a missing table', 'DROP TABLE proofs'],
  ])('a schema with %s is refused', (_name, sql) => {
    expect(changed((run) => run(sql))).toMatchObject({
      name: 'LedgerDamaged',
      message: expect.stringContaining('the schema of the ledger was changed') as string,
    })
  })

  test('the id of a receipt is found changed wherever it lies, in an index as well', () => {
    const whole = readFileSync(place.path)
    const [row] = sampleRows('leaves', ['leaf']).filter((one) => one['type'] === 'receipt')
    const id = String(row!['id'])
    const places: number[] = []
    for (let at = whole.indexOf(id); at >= 0; at = whole.indexOf(id, at + 1)) places.push(at)
    expect(places.length, 'row, leaf and index').toBeGreaterThanOrEqual(3)
    for (const at of places) {
      const broken = Buffer.from(whole)
      broken[at + id.length - 1] = broken[at + id.length - 1]! ^ 1
      writeFileSync(copy, broken)
      expect(isNoticed(verdict(copy)), `byte ${at}`).toBe(true)
    }
  })
})

describe('what is no readable ledger', () => {
  const refused = (path: string): string => {
    const found = verdict(path)
    expect(found).toBeInstanceOf(LedgerDamaged)
    return (found as LedgerDamaged).message
  }

  test('a missing file, a directory, a text, an empty file, another database: each is said', () => {
    expect(refused(place.dir.file('missing.db'))).toMatch(/cannot be read/)
    mkdirSync(place.dir.file('directory'))
    expect(refused(place.dir.file('directory'))).toMatch(/cannot be read/)
    const text = place.dir.file('text')
    writeFileSync(text, 'not a database at all '.repeat(100))
    expect(refused(text)).toMatch(/cannot be read: .*not a database/)
    writeFileSync(text, '')
    expect(refused(text)).toMatch(/not a LatchGate ledger/)
    const other = openDatabase(place.dir.file('other.db'))
    other.exec('CREATE TABLE t (a)')
    other.close()
    expect(refused(place.dir.file('other.db'))).toMatch(/not a LatchGate ledger/)
  })

  test('a ledger of another format is refused by its number', () => {
    expect(changed((run) => run('PRAGMA user_version = 4'))).toMatchObject({
      message: expect.stringContaining('format 4') as string,
    })
  })

  test('any page overwritten is a finding or an error, never a success', () => {
    const whole = readFileSync(place.path)
    const pageBytes = whole.readUInt16BE(16)
    const pages = whole.length / pageBytes
    expect(pages).toBeGreaterThan(30)
    for (let page = 1; page < pages; page += 1) {
      const broken = Buffer.from(whole)
      broken.fill(0xa5, page * pageBytes, page * pageBytes + 16)
      writeFileSync(copy, broken)
      expect(isNoticed(verdict(copy)), `page ${page + 1} of ${pages}`).toBe(true)
    }
  })

  test('a file cut short is a finding or an error', () => {
    const whole = readFileSync(place.path)
    for (const part of [0.1, 0.5, 0.9, 0.999]) {
      writeFileSync(copy, whole.subarray(0, Math.floor(whole.length * part)))
      expect(isNoticed(verdict(copy)), String(part)).toBe(true)
    }
  })
})

test('a ledger that is written to meanwhile is verified as of one moment, without findings', async () => {
  const other = ledgerDir()
  try {
    const ledger = await other.open()
    const writes: Promise<unknown>[] = []
    const sizes = new Set<number>()
    for (let round = 0; round < 12; round += 1) {
      for (let i = 0; i < 40; i += 1) {
        writes.push(ledger.record(note()), ledger.intend(intent(call('s-1'))))
      }
      await writes[round * 80]
      const report = verifyLedgerFile({ path: other.path, vkey: ledger.vkey })
      expect(report.findings).toEqual([])
      sizes.add(report.size)
    }
    await Promise.all(writes)
    expect(sizes.size).toBeGreaterThan(3)
  } finally {
    await other.remove()
  }
})
