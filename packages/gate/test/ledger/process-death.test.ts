import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseLeaf } from '@latchgate/evidence'
import { type SqliteFault, sqliteFaultAt } from '@latchgate/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/ledger/sqlite/database.js'
import type { SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
import { ACTS, type CrashAct, NEW_HOLD, nextCall, TOKEN, WAITING } from './crash-acts.js'
import { approved, call, hold, lease, note } from './entries.js'
import { type LedgerDir, ledgerDir } from './sqlite-fixture.js'

const CHILD = fileURLToPath(new URL('./ledger-child.js', import.meta.url))

let place: LedgerDir

beforeEach(() => {
  place = ledgerDir()
})

afterEach(() => place.remove())

const now = { now: Date.now }

/** Runs the child to its end and returns what it said. */
function child<T>(mode: string, fault?: SqliteFault): T {
  const faulty =
    fault === undefined
      ? { execArgv: [], env: {} }
      : sqliteFaultAt({ ...fault, marker: place.dir.file('struck') })
  const args = [...faulty.execArgv, CHILD, mode, place.path, place.highWaterPath]
  const env = { PATH: process.env['PATH'], ...faulty.env }
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    env,
    encoding: 'utf8',
    timeout: 25_000,
  })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

function findings(): unknown {
  return verifyLedgerFile({ path: place.path }).findings
}

// Long runs end it at many more places of a commit.
const KILLS =
  process.env['SLOW'] === '1' ? Array.from({ length: 60 }, (_, i) => 10 + i * 17) : [30, 120, 350]

test.each(KILLS)(
  'kill -9 after %i confirmations: each of them is there, and the log verifies',
  async (kills) => {
    const args = [CHILD, 'write', place.path, place.highWaterPath]
    const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    process_.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.split('\n').length > kills) process_.kill('SIGKILL')
    })
    const [, signal] = (await once(process_, 'close')) as [unknown, unknown]
    expect(signal).toBe('SIGKILL')
    // The last line may have been cut.
    const confirmed = text.split('\n').slice(0, -1)
    expect(confirmed.length).toBeGreaterThanOrEqual(kills)
    const ledger = await place.open(now)
    const grants = new Set<unknown>()
    for (let index = 0; index < ledger.size; index += 1) {
      const leaf = parseLeaf((await ledger.leaf(index))!)
      if (leaf.type === 'intent') grants.add(leaf.body['grant_id'])
    }
    for (const line of confirmed) {
      const [kind, id = ''] = line.split(' ')
      if (kind === 'intent') expect(grants.has(id), line).toBe(true)
      else expect(await ledger.receipt(id), line).toBeDefined()
    }
    expect((await ledger.openIntents()).every((one) => one.outcome === 'unknown')).toBe(true)
    await ledger.record(note())
    await ledger.close()
    expect(findings()).toEqual([])
  },
)

describe('kill -9 in the commit of', () => {
  /** Ends the child in the commit of the act and opens what it left. */
  async function dieIn(act: CrashAct, when: 'before' | 'after'): Promise<SqliteLedgerHandle> {
    const { statement } = ACTS[act]
    // What is prepared is a commit of its own, in which `hold` has the same statement.
    const onHit = act === 'hold' ? 2 : 1
    const { execArgv, env } = sqliteFaultAt({ statement, when, action: 'kill', onHit })
    const args = [...execArgv, CHILD, 'act', place.path, place.highWaterPath, act]
    const { signal, stderr } = spawnSync(process.execPath, args, {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
      timeout: 25_000,
    })
    expect(signal, stderr).toBe('SIGKILL')
    expect(findings()).toEqual([])
    return place.open(now)
  }

  const stateOf = async (ledger: SqliteLedgerHandle): Promise<unknown> =>
    (await ledger.approval(WAITING.approvalId))?.state

  test.each(Object.keys(ACTS) as CrashAct[])(
    '%s, before it: nothing of it is there, and it can be done again, with the same proof',
    async (act) => {
      const ledger = await dieIn(act, 'before')
      expect(await stateOf(ledger)).toBe('pending')
      expect((await ledger.approval(WAITING.approvalId))?.votes).toEqual([])
      expect(await ledger.approval(NEW_HOLD.approvalId)).toBeUndefined()
      expect(await ledger.openIntents()).toEqual([])
      expect(await ledger.revocations()).toEqual([])
      expect(await ledger.learnedRules()).toEqual([])
      expect(await ACTS[act].run(ledger)).toMatchObject({ ok: true })
      await ledger.close()
      expect(findings()).toEqual([])
    },
  )

  // Where the proof was used up, that is what a repetition hears first.
  test.each(Object.keys(ACTS) as CrashAct[])(
    '%s, after it: all of it is there, and it is not done again',
    async (act) => {
      const ledger = await dieIn(act, 'after')
      expect(await ACTS[act].run(ledger)).toEqual({
        ok: false,
        error: { code: 'replay_detected' },
      })
      await ledger.close()
      expect(findings()).toEqual([])
    },
  )

  test('a hold, after it: it waits, and the same call waits with it', async () => {
    const ledger = await dieIn('hold', 'after')
    expect(await ledger.approval(NEW_HOLD.approvalId)).toMatchObject({ state: 'pending' })
    expect(await ledger.heldPlan(NEW_HOLD.approvalId)).toBeDefined()
    const { callHash } = NEW_HOLD
    expect(await ledger.hold(hold('s-3', { callHash }))).toMatchObject({
      error: { code: 'call_pending' },
    })
  })

  test('a vote, after it: it counts', async () => {
    const voted = await dieIn('vote', 'after')
    expect((await voted.approval(WAITING.approvalId))?.votes).toMatchObject([{ operator: 'olga' }])
    expect(await stateOf(voted)).toBe('pending')
  })

  test('a denial, after it: nobody can approve any more', async () => {
    const ledger = await dieIn('deny', 'after')
    expect(await stateOf(ledger)).toBe('denied')
    expect(await ledger.intend(approved(WAITING, call('s-1')))).toEqual({
      ok: false,
      error: { code: 'approval_decided' },
    })
  })

  test('an approved intent, after it: it is unknown, has failed, and never begins again', async () => {
    const ledger = await dieIn('intend', 'after')
    expect(await ledger.openIntents()).toMatchObject([{ grantId: 'grant-act', outcome: 'unknown' }])
    expect(await ledger.approval(WAITING.approvalId)).toMatchObject({
      state: 'failed',
      grantId: 'grant-act',
      end: { type: 'unknown' },
    })
    expect(await ledger.intend(approved(WAITING, call('s-1')))).toEqual({
      ok: false,
      error: { code: 'approval_decided' },
    })
  })

  test('a revocation, after it: it holds', async () => {
    const revoked = await dieIn('revoke', 'after')
    expect(await stateOf(revoked)).toBe('revoked')
    expect(await nextCall(revoked)).toEqual({ ok: false, error: { code: 'lease_revoked' } })
  })

  test('a revocation, before it: its operator was told nothing, and it does not hold', async () => {
    const ledger = await dieIn('revoke', 'before')
    expect(await nextCall(ledger)).toMatchObject({ ok: true })
  })

  test('a lease by a token, after it: the token is used up and the budget is there', async () => {
    const ledger = await dieIn('lease', 'after')
    expect(await ledger.callsRemaining('s-9')).toBe(2)
    expect(await ledger.issueLease(lease('s-8', { identityToken: TOKEN }))).toEqual({
      ok: false,
      error: { code: 'identity_token_used' },
    })
  })

  test('a lease by a token, before it: nothing is used up', async () => {
    const ledger = await dieIn('lease', 'before')
    expect(await ledger.callsRemaining('s-9')).toBeUndefined()
    expect((await ledger.issueLease(lease('s-8', { identityToken: TOKEN }))).ok).toBe(true)
  })

  test('a learned rule, after it: it is there, with who added it', async () => {
    const ledger = await dieIn('learn', 'after')
    expect(await ledger.learnedRules()).toMatchObject([
      { kind: 'domain', value: 'a.example.com', addedBy: 'olga' },
    ])
  })
})

describe('a commit that fails', () => {
  interface Recovered {
    readonly running: unknown
    readonly together: readonly unknown[]
    readonly meanwhile: unknown
    readonly open: readonly (readonly [string, string])[]
    readonly grants: { readonly running: string; readonly failing: string }
    readonly again: unknown
    readonly sealed: unknown
    readonly on_disk: readonly unknown[]
  }
  const statement = 'INSERT INTO intents'

  test('before it was on the disk: its waiters are told, nothing of it is there, all can be tried again', () => {
    const fault = { statement, when: 'before', action: 'throw', onHit: 2 } as const
    const found = child<Recovered>('recover', fault)
    expect(found.running).toMatchObject({ ok: true })
    expect(found.together).toEqual(['commit_failed', 'commit_failed'])
    expect(found.meanwhile).toBe('commit_failed')
    expect(found.on_disk).toEqual([false])
    // This run is still working on it: it is not of a gate that is gone.
    expect(found.open).toEqual([[found.grants.running, 'open']])
    expect(found.again).toMatchObject({ ok: true, value: { sessionSeq: 2 } })
    expect(found.sealed).toMatchObject({ index: expect.any(Number) as number })
    expect(findings()).toEqual([])
  })

  test('after it was on the disk: its waiters are told the same, and its batch is found again', () => {
    const fault = { statement, when: 'after', action: 'throw', onHit: 2 } as const
    const found = child<Recovered>('recover', fault)
    expect(found.together).toEqual(['commit_failed', 'commit_failed'])
    expect(found.on_disk).toEqual([true])
    expect(found.open).toEqual([
      [found.grants.running, 'open'],
      [found.grants.failing, 'open'],
    ])
    expect(found.again).toEqual({ ok: false, error: { code: 'grant_consumed' } })
    expect(found.sealed).toMatchObject({ index: expect.any(Number) as number })
    expect(findings()).toEqual([])
  })

  test.each(['before', 'after'] as const)(
    'a receipt whose commit failed %s the disk had it is sealed once by trying again',
    (when) => {
      const fault = { statement: 'UPDATE intents SET outcome = ?', when, action: 'throw' } as const
      const found = child<{ first: unknown; second: { index: number }; stored: number }>(
        'seal-twice',
        fault,
      )
      expect(found.first).toBe('commit_failed')
      expect(found.second.index).toBe(3)
      expect(found.stored).toBe(3)
      const db = openDatabase(place.path, { readOnly: true })
      const receipts = db.prepare("SELECT count(*) AS n FROM leaves WHERE type = 'receipt'").get()
      db.close()
      expect(receipts).toMatchObject({ n: 1 })
      expect(findings()).toEqual([])
    },
  )

  test('for want of room on the disk denies until there is some, and loses nothing that was confirmed', async () => {
    const found = child<{
      readonly code: unknown
      readonly whileFull: unknown
      readonly healthyWhileFull: boolean
      readonly afterwards: unknown
      readonly confirmed: readonly string[]
    }>('fill-disk')
    expect(found.code).toBe('commit_failed')
    expect(found.whileFull).toBe('commit_failed')
    expect(found.healthyWhileFull).toBe(false)
    expect(found.afterwards).toMatchObject({ index: expect.any(Number) as number })
    expect(found.confirmed.length).toBeGreaterThan(10)
    expect(findings()).toEqual([])
    const db = openDatabase(place.path, { readOnly: true })
    const ids = new Set(
      db
        .prepare('SELECT id FROM leaves')
        .all()
        .map((row) => (row as { id: string }).id),
    )
    db.close()
    expect(found.confirmed.filter((id) => !ids.has(id))).toEqual([])
  })
})
