import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { formatVkey } from '@latchgate/evidence'
import { openDatabase } from '@latchgate/gate'
import { sha256, verifyEd25519 } from '@latchgate/protocol/node'
import { LatchGateClient } from 'latchgate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'

const NOWHERE = 'does-not-exist.wikipedia.org'

let machine: Machine
let ledger: string
let logKey: string
let receiptId: string

beforeAll(async () => {
  machine = new Machine()
  await machine.up()
  await machine.run(['down'])
  // A name that is neither resolved nor reached: port 1 of this machine answers nobody.
  const config = readFileSync(machine.file('latchgate.toml'), 'utf8')
  const egress = `egress_insecure = true\n[egress.unsafe_resolve]\n"${NOWHERE}:443" = "127.0.0.1:1"\n`
  writeFileSync(machine.file('latchgate.toml'), `${config}${egress}`)
  await machine.up()
  const client = new LatchGateClient({ socket: machine.socket, agentId: 'test' })
  // A failed call has a receipt too.
  receiptId = await client.execute('http_fetch', { url: `https://${NOWHERE}/` }).then(
    (result) => result.receiptId,
    (error: unknown) => (error as { readonly receiptId?: string }).receiptId ?? '',
  )
  await client.close()
  logKey = (await machine.json(['status'])).document['log_key'] as string
  ledger = machine.file('data', 'audit.db')
})

afterAll(async () => {
  await machine.remove()
})

let copies = 0

/** A copy of the ledger, changed by SQL. */
function copyOf(change = ''): string {
  copies += 1
  const copy = machine.temp.file(`copy-${copies}.db`)
  copyFileSync(ledger, copy)
  if (existsSync(`${ledger}-wal`)) copyFileSync(`${ledger}-wal`, `${copy}-wal`)
  const database = openDatabase(copy)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.exec('PRAGMA journal_mode = DELETE')
  database.exec(change)
  database.close()
  return copy
}

test('beside a running gate the ledger is held against the high-water mark: 0', async () => {
  expect(receiptId).not.toBe('')
  const { code, document } = await machine.json(['verify'])
  const size = document['size'] as number
  expect([code, document]).toEqual([
    0,
    {
      ok: true,
      ledger,
      log: logKey.split('+')[0],
      leaves_checked: size,
      size,
      root: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      stored_hashes_root: null,
      checkpoint: {
        size: expect.any(Number) as number,
        root: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        signature: 'valid_by_log_key',
        consistency: 'matches',
        file: machine.file('audit.db.high-water'),
      },
      trust: 'log_itself',
      receipts: { checked: 1, signature_valid: 1 },
      findings: [],
      findings_omitted: 0,
    },
  ])
  const { stdout } = await machine.run(['verify'])
  expect(stdout).toContain('  receipts        1 of 1 signatures valid\n')
  expect(stdout.endsWith('✓  nothing was found to contradict the log\n')).toBe(true)
})

test('with the key that status shows, trust comes from that key', async () => {
  const file = machine.temp.file('log.vkey')
  writeFileSync(file, `${logKey}\n`)
  for (const key of [logKey, file]) {
    const { code, document } = await machine.json(['verify', '--key', key])
    expect([code, document['trust']]).toEqual([0, 'key_given'])
    expect(document['checkpoint']).toMatchObject({ signature: 'valid', consistency: 'matches' })
  }
})

test("another log's key finds that this is not its log: 2", async () => {
  const other = formatVkey(
    { sha256, verifyEd25519 },
    logKey.split('+')[0] ?? '',
    sha256(Buffer.from('another key')),
  )
  const { code, document } = await machine.json(['verify', '--key', other])
  expect([code, document['ok']]).toEqual([2, false])
  expect(document['findings']).toContainEqual({
    index: null,
    id: null,
    column: 'key_added',
    problem: `this is not a log of the key ${other}`,
    type: null,
  })
})

test('a changed letter in a receipt is located by leaf, record type and id: 2', async () => {
  const copy = copyOf(
    "UPDATE leaves SET bytes = CAST(replace(CAST(bytes AS TEXT), 'http_fetch', 'http_fetcg') AS BLOB) WHERE type = 'receipt'",
  )
  const { code, document } = await machine.json(['verify', '--ledger', copy])
  const findings = document['findings'] as readonly Record<string, unknown>[]
  expect([code, document['ok'], document['checkpoint']]).toEqual([2, false, null])
  expect(findings).toContainEqual({
    index: 6,
    id: receiptId,
    column: 'receipt_signature',
    problem: "the receipt's signature is invalid",
    type: 'receipt',
  })
  const { stdout } = await machine.run(['verify', '--ledger', copy])
  expect(stdout).toContain(
    `✗  leaf #6, receipt ${receiptId}, receipt_signature: the receipt's signature is invalid\n`,
  )
  const documented = documentedJson('verify')
  expect(shapeOf({ ...document, checkpoint: null, findings: findings.slice(0, 1) })).toEqual(
    shapeOf({ ...documented, checkpoint: null, stored_hashes_root: 'hex' }),
  )
  expect(shapeOf((await machine.json(['verify'])).document['checkpoint'])).toEqual(
    shapeOf(documented['checkpoint']),
  )
})

test('a tail that was cut off shows against a kept copy of the high-water file: 2', async () => {
  const kept = machine.temp.file('kept.high-water')
  copyFileSync(machine.file('audit.db.high-water'), kept)
  const lines = readFileSync(kept, 'utf8').trim().split('\n')
  const note = (JSON.parse(lines.at(-1) ?? '') as { note: string }).note
  const noteFile = machine.temp.file('kept.note')
  writeFileSync(noteFile, note)
  writeFileSync(kept, `${lines.join('\n')}\n{"note":"cut sho`)
  const copy = copyOf('DELETE FROM leaves WHERE leaf = (SELECT max(leaf) FROM leaves)')
  for (const checkpoint of [kept, noteFile]) {
    const whole = await machine.json(['verify', '--checkpoint', checkpoint])
    expect([whole.code, whole.document['checkpoint']]).toMatchObject([
      0,
      { consistency: 'matches', file: checkpoint },
    ])
    const cut = await machine.json(['verify', '--ledger', copy, '--checkpoint', checkpoint])
    expect([cut.code, cut.document['checkpoint']]).toMatchObject([
      2,
      { consistency: 'log_is_shorter' },
    ])
  }
})

test('a database whose pages are overwritten is bad evidence, without a stack trace: 2', async () => {
  const copy = copyOf()
  const bytes = readFileSync(copy)
  bytes.fill(7, 4096)
  writeFileSync(copy, bytes)
  const { code, document } = await machine.json(['verify', '--ledger', copy])
  expect([code, document]).toEqual([
    2,
    {
      ok: false,
      error: `the ledger ${copy} is damaged: the file cannot be read: database disk image is malformed`,
      code: 'ledger_damaged',
      ledger: copy,
    },
  ])
})

test('what is no ledger, or no file, could not be checked: 1', async () => {
  const text = machine.temp.file('text')
  const empty = machine.temp.file('empty')
  const directory = machine.temp.file('directory')
  writeFileSync(text, 'hello, this is no database at all\n'.repeat(200))
  writeFileSync(empty, '')
  mkdirSync(directory)
  for (const [path, code, error] of [
    ['/nowhere', 'no_ledger', 'there is no ledger at /nowhere'],
    [
      text,
      'ledger_unreadable',
      `cannot check ${text}: the file cannot be read: file is not a database`,
    ],
    [
      empty,
      'ledger_unreadable',
      `cannot check ${empty}: the file is a SQLite database, but not a LatchGate ledger`,
    ],
    [directory, 'ledger_unreadable', `cannot check ${directory}: the file cannot be read: `],
  ] as const) {
    const done = await machine.json(['verify', '--ledger', path])
    expect([done.code, done.document['code']]).toEqual([1, code])
    expect(String(done.document['error']).startsWith(error)).toBe(true)
    expect(String(done.document['error'])).not.toContain('\n')
  }
})

test('a key or checkpoint that is none could not be used: 1', async () => {
  const text = machine.temp.file('no-checkpoint')
  writeFileSync(text, 'hello\n')
  for (const [args, code, error] of [
    [['--key', 'foo'], 'key_invalid', "'foo' is neither a verifier key nor a file"],
    [['--key', 'a+b+c'], 'key_invalid', 'the verifier key cannot be used: a verifier key is'],
    [['--checkpoint', text], 'checkpoint_invalid', `${text} is no checkpoint: `],
    [['--checkpoint', '/nowhere'], 'io_error', 'ENOENT: no such file or directory'],
  ] as const) {
    const done = await machine.json(['verify', ...args])
    expect([args, done.code, done.document['code']]).toEqual([args, 1, code])
    expect(String(done.document['error']).startsWith(error)).toBe(true)
  }
})

test('a project that has never run has no ledger, and the way to one is named', async () => {
  const { code, document } = await machine.json(['verify'], { cwd: machine.temp.path })
  expect([code, document]).toEqual([
    1,
    {
      ok: false,
      error: `there is no ledger at ${machine.temp.file('.latchgate', 'data', 'audit.db')}`,
      code: 'no_ledger',
      hint: 'a gate that has run here once has one: latchgate up -d; or name a file with --ledger',
    },
  ])
})
