import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  checkReceipt,
  leafHash,
  parseLeaf,
  verifyCheckpoint,
  verifyInclusion,
} from '@latchgate/evidence'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { evidenceCrypto } from '../../src/evidence-crypto.js'
import { openDatabase } from '../../src/ledger/sqlite/database.js'
import type { SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
import {
  approved,
  approvedSeal,
  call,
  denial,
  hold,
  intent,
  lease,
  note,
  payload,
  receiptOf,
  receiptSigner,
  seal,
} from './entries.js'
import { type LedgerDir, ledgerDir } from './sqlite-fixture.js'

const GRACE_MS = 30_000
const NOTHING = {
  unknown: 0,
  payloadsErased: 0,
  proofsForgotten: 0,
  identityTokensForgotten: 0,
  approvalsExpired: 0,
  quotaUsesForgotten: 0,
}

let place: LedgerDir
let ledger: SqliteLedgerHandle

beforeEach(async () => {
  place = ledgerDir()
  ledger = await place.open()
})

afterEach(async () => {
  const { findings } = verifyLedgerFile({ path: place.path })
  await place.remove()
  if (findings.length > 0) throw new Error(JSON.stringify(findings))
})

function rowsOf(table: string): number {
  const db = openDatabase(place.path, { readOnly: true })
  try {
    return (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
  } finally {
    db.close()
  }
}

describe('calls without an outcome', () => {
  test('become unknown when their time to dispatch and the grace are over, not before', async () => {
    const one = call('s-1')
    const until = place.clock.now() + 10_000
    await ledger.intend(intent(one, { dispatchNotAfter: until }))
    place.clock.advance(10_000 + GRACE_MS)
    expect(await ledger.sweep()).toEqual(NOTHING)
    expect(await ledger.openIntents()).toMatchObject([{ outcome: 'open' }])
    place.clock.advance(1)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, unknown: 1 })
    expect(await ledger.openIntents()).toMatchObject([
      { grantId: one.grantId, outcome: 'unknown', dispatchedAt: '2026-01-01T00:00:00.000Z' },
    ])
    const leaf = parseLeaf((await ledger.leaf(ledger.size - 1))!)
    expect(leaf).toMatchObject({
      type: 'unknown',
      time: new Date(place.clock.now()).toISOString(),
      body: {
        grant_id: one.grantId,
        trace_id: one.traceId,
        session_id: 's-1',
        session_seq: 1,
        principal: 'agent-a',
        action_id: 'http_fetch',
        intent_leaf: 2,
        dispatched_at: '2026-01-01T00:00:00.000Z',
        reason: 'no_outcome_in_time',
      },
    })
    expect(await ledger.sweep()).toEqual(NOTHING)
  })

  test('are sealed when their receipt comes late after all', async () => {
    const one = call('s-1')
    await ledger.intend(intent(one, { dispatchNotAfter: place.clock.now() }))
    place.clock.advance(GRACE_MS + 1)
    await ledger.sweep()
    await ledger.seal(seal(one, 1))
    expect(await ledger.openIntents()).toEqual([])
    expect(await ledger.sweep()).toEqual(NOTHING)
  })

  test('that have a receipt never become unknown', async () => {
    const one = call('s-1')
    await ledger.intend(intent(one, { dispatchNotAfter: place.clock.now() }))
    await ledger.seal(seal(one, 1))
    place.clock.advance(1_000_000)
    expect(await ledger.sweep()).toEqual(NOTHING)
  })
})

describe('calls that wait for a human', () => {
  const highestTime = (): number => {
    const db = openDatabase(place.path, { readOnly: true })
    try {
      return (db.prepare('SELECT highest_time AS t FROM log_state').get() as { t: number }).t
    } finally {
      db.close()
    }
  }

  test('expire at their time, not before, each with its record', async () => {
    const expiresAt = place.clock.now() + 10_000
    const [first, second] = [hold('s-1', { expiresAt }), hold('s-1', { expiresAt: expiresAt + 1 })]
    for (const entry of [first, second]) await ledger.hold(entry)
    place.clock.advance(9999)
    expect(await ledger.sweep()).toEqual(NOTHING)
    place.clock.advance(1)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, approvalsExpired: 1 })
    expect(await ledger.approval(first.approvalId)).toMatchObject({
      state: 'expired',
      end: {
        type: 'approval',
        time: new Date(place.clock.now()).toISOString(),
        body: {
          event_type: 'approval_expired',
          decision: 'expired',
          approval_id: first.approvalId,
          trace_id: first.traceId,
          principal: 'agent-a',
          session_id: 's-1',
          action_id: 'http_fetch',
          plan_hash: first.planHash,
          expired_at: new Date(expiresAt).toISOString(),
        },
      },
    })
    expect((await ledger.approval(second.approvalId))?.state).toBe('pending')
    // The record has a time of its own: the clock must not go back behind it.
    expect(highestTime()).toBe(place.clock.now())
    expect(await ledger.sweep()).toEqual(NOTHING)
  })

  test('expire hundreds at a time, none twice', async () => {
    const expiresAt = place.clock.now() + 1
    await Promise.all(Array.from({ length: 700 }, () => ledger.hold(hold('s-1', { expiresAt }))))
    place.clock.advance(1)
    expect((await ledger.sweep()).approvalsExpired).toBe(500)
    expect((await ledger.sweep()).approvalsExpired).toBe(200)
    expect(await ledger.sweep()).toEqual(NOTHING)
  })

  test('are not expired once somebody has approved, and have failed when the outcome is unknown', async () => {
    const held = hold('s-1', { expiresAt: place.clock.now() + 1000 })
    await ledger.hold(held)
    const one = call('s-1')
    await ledger.intend(approved(held, one, { dispatchNotAfter: place.clock.now() }))
    place.clock.advance(1000)
    expect(await ledger.sweep()).toEqual(NOTHING)
    expect((await ledger.approval(held.approvalId))?.state).toBe('claimed')
    place.clock.advance(GRACE_MS)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, unknown: 1 })
    expect(await ledger.approval(held.approvalId)).toMatchObject({
      state: 'failed',
      grantId: one.grantId,
      end: { type: 'unknown', body: { reason: 'no_outcome_in_time' } },
    })
    // Its receipt came late.
    await ledger.seal(approvedSeal(held, one, 2))
    expect(await ledger.approval(held.approvalId)).toMatchObject({
      state: 'approved',
      end: { type: 'receipt' },
    })
  })

  test('lose their plan when they have expired; the commitment to it stays', async () => {
    const expiresAt = place.clock.now() + 1000
    const plan = payload('plan', '{"secret":"4711-0815"}', expiresAt)
    const held = hold('s-1', { expiresAt, payloads: [plan] })
    const result = await ledger.hold(held)
    place.clock.advance(1001)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, approvalsExpired: 1, payloadsErased: 1 })
    expect(await ledger.heldPlan(held.approvalId)).toBeUndefined()
    const index = result.ok ? result.value.index : -1
    const { body } = parseLeaf((await ledger.leaf(index))!)
    expect(body['plan']).toEqual({ hash: plan.hash, bytes: plan.bytes.length })
  })

  test('are left alone by a clock that went back', async () => {
    await ledger.hold(hold('s-1', { expiresAt: place.clock.now() - 60_000 }))
    place.clock.advance(-60_000)
    await expect(ledger.sweep()).rejects.toMatchObject({ code: 'clock_error' })
    place.clock.advance(60_000)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, approvalsExpired: 1 })
  })
})

describe('uses of quotas', () => {
  const YEAR_MS = 366 * 24 * 3_600_000
  const quotas = [{ calls: 2, windowSeconds: YEAR_MS / 1000 }]
  const use = (): ReturnType<typeof ledger.intend> => ledger.intend(intent(call('s-1'), { quotas }))

  test('are forgotten when no window reaches them at the latest record, and not by the clock alone', async () => {
    expect((await use()).ok).toBe(true)
    place.clock.advance(1)
    expect((await use()).ok).toBe(true)
    expect((await use()).ok).toBe(false)
    place.clock.advance(YEAR_MS)
    await ledger.sweep()
    expect(rowsOf('quota_uses')).toBe(2)
    expect((await use()).ok).toBe(true)
    expect((await ledger.sweep()).quotaUsesForgotten).toBe(1)
    expect(rowsOf('quota_uses')).toBe(2)
    expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  })

  test('that are missing before their time are found', async () => {
    await use()
    place.clock.advance(YEAR_MS)
    await ledger.record(note())
    place.tamper('DELETE FROM quota_uses')
    const { findings } = verifyLedgerFile({ path: place.path })
    expect(findings).toMatchObject([{ column: 'quota_uses' }])
    place.clock.advance(1)
    await ledger.record(note())
    expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  })

  test('of a busy year are all forgotten by one tick of the sweeper', async () => {
    await ledger.close()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      ledger = await place.open({ sweepEveryMs: 1000 })
      const many = [{ calls: 10_000, windowSeconds: 60 }]
      const dispatchNotAfter = place.clock.now() + YEAR_MS * 2
      await Promise.all(
        Array.from({ length: 1200 }, () =>
          ledger.intend(intent(call('s-1'), { quotas: many, dispatchNotAfter })),
        ),
      )
      place.clock.advance(YEAR_MS + 1)
      await ledger.record(note())
      vi.advanceTimersByTime(1000)
      for (let tries = 0; rowsOf('quota_uses') > 0 && tries < 400; tries += 1) await sleep(5)
      expect(rowsOf('quota_uses')).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('are looked at without standing in the way of what is to be erased', async () => {
    const cost = [{ costUsdCents: 10, windowSeconds: 60 }]
    const until = place.clock.now()
    for (let i = 0; i < 3; i += 1) {
      const args = payload('arguments', '{"x":"4711-0815"}', until)
      await ledger.intend(intent(call('s-1'), { quotas: cost, costUsdCents: 3, payloads: [args] }))
    }
    // Stops in the midst of the rows.
    expect((await ledger.intend(intent(call('s-1'), { quotas: cost, costUsdCents: 9 }))).ok).toBe(
      false,
    )
    place.clock.advance(1)
    expect((await ledger.sweep()).payloadsErased).toBe(3)
    expect(readFileSync(`${place.path}-wal`).length).toBe(0)
  })
})

describe('payloads', () => {
  const SECRET = 'an answer that must not stay, 4711-0815'

  // Everything that SQLite keeps of the ledger.
  const isOnDisk = (text: string): boolean =>
    ['', '-wal'].some((suffix) => readFileSync(`${place.path}${suffix}`).includes(text))

  test('are erased from every file when their time is over; the proofs stay', async () => {
    const one = call('s-1')
    const hour = place.clock.now() + 3_600_000
    const args = payload('arguments', `{"q":"${SECRET}"}`, hour)
    const output = payload('output', `{"a":"${SECRET}"}`, hour + 1)
    await ledger.intend(intent(one, { payloads: [args] }))
    const receipt = receiptOf(one, 1, output)
    const { index } = await ledger.seal(seal(one, 1, { receipt, payloads: [output] }))
    expect(isOnDisk(SECRET)).toBe(true)
    place.clock.advance(3_600_000)
    expect(await ledger.sweep()).toEqual(NOTHING)
    place.clock.advance(1)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, payloadsErased: 1 })
    expect(await ledger.payload(one.traceId, 'arguments')).toBeUndefined()
    expect(await ledger.payload(one.traceId, 'output')).toBeDefined()
    place.clock.advance(1)
    expect(await ledger.sweep()).toEqual({ ...NOTHING, payloadsErased: 1 })
    expect(await ledger.payload(one.traceId, 'output')).toBeUndefined()
    expect(isOnDisk(SECRET)).toBe(false)

    const { root, size } = verifyCheckpoint(evidenceCrypto, ledger.checkpoint(), ledger.vkey)
    const leaf = (await ledger.leaf(index))!
    const proof = await ledger.inclusionProof(index, size)
    const claim = { index, size, root, proof, leafHash: leafHash(evidenceCrypto, leaf) }
    expect(verifyInclusion(evidenceCrypto, claim)).toBe(true)
    const stored = await ledger.receipt(receipt.receipt_id)
    expect(checkReceipt(stored!.receipt, receiptSigner.publicKey, evidenceCrypto)).toEqual({
      signature: 'valid',
      result_hash: 'matches',
      payload: 'withheld',
    })
  })

  test('of thousands of calls are erased bit by bit', async () => {
    const soon = place.clock.now() + 1
    await Promise.all(
      Array.from({ length: 1200 }, () => {
        const args = payload('arguments', '{}', soon)
        return ledger.intend(intent(call('s-1'), { payloads: [args] }))
      }),
    )
    place.clock.advance(10)
    const erased: number[] = []
    for (let i = 0; i < 4; i += 1) erased.push((await ledger.sweep()).payloadsErased)
    expect(erased).toEqual([500, 500, 200, 0])
    expect(rowsOf('payloads')).toBe(0)
  })

  test('of a busy hour are all erased by one tick of the sweeper', async () => {
    await ledger.close()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      ledger = await place.open({ sweepEveryMs: 1000 })
      const soon = place.clock.now() + 1
      const args = payload('arguments', '{}', soon)
      await Promise.all(
        Array.from({ length: 1200 }, () =>
          ledger.intend(intent(call('s-1'), { payloads: [args] })),
        ),
      )
      place.clock.advance(10)
      vi.advanceTimersByTime(1000)
      for (let tries = 0; rowsOf('payloads') > 0 && tries < 400; tries += 1) await sleep(5)
      expect(rowsOf('payloads')).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})

test('proofs are forgotten when they are too old to be accepted, in the order of their use', async () => {
  const start = place.clock.now()
  const use = (jti: string, forgetAfter: number): Promise<unknown> =>
    ledger.intend(intent(call('s-1'), { proof: { jkt: 'k', jti, forgetAfter } }))
  await use('a', start + 1000)
  await use('b', start + 5000)
  await use('c', start + 1000)
  place.clock.advance(1000)
  expect(await ledger.sweep()).toEqual(NOTHING)
  place.clock.advance(1)
  expect(await ledger.sweep()).toEqual({ ...NOTHING, proofsForgotten: 1 })
  expect(rowsOf('proofs')).toBe(2)
  expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  place.clock.advance(4000)
  expect(await ledger.sweep()).toEqual({ ...NOTHING, proofsForgotten: 2 })
})

test('an identity token is remembered for two minutes beyond its expiry, by the time of the log', async () => {
  const expiresAt = place.clock.now() + 1000
  const use = (): ReturnType<typeof ledger.issueLease> =>
    ledger.issueLease(lease('s-1', { identityToken: { hash: 'a', expiresAt } }))
  expect((await use()).ok).toBe(true)
  place.clock.advance(1000 + 120_000)
  await ledger.record(note())
  expect(await ledger.sweep()).toEqual(NOTHING)
  place.clock.advance(1)
  // Nothing was recorded since: nobody could tell the row from one that was taken away.
  expect(await ledger.sweep()).toEqual(NOTHING)
  expect(await use()).toEqual({ ok: false, error: { code: 'identity_token_used' } })
  await ledger.record(note())
  expect(await ledger.sweep()).toEqual({ ...NOTHING, identityTokensForgotten: 1 })
  expect(rowsOf('identity_tokens')).toBe(0)
  expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
  // Verified before the machine slept, and recorded only now.
  expect(await use()).toEqual({ ok: false, error: { code: 'identity_token_used' } })
  // An issuer that gives an id again, long after.
  const later = { hash: 'a', expiresAt: place.clock.now() + 1000 }
  expect((await ledger.issueLease(lease('s-2', { identityToken: later }))).ok).toBe(true)
  expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
})

test('a pass that finds nothing leaves the id of the last commit as it was', async () => {
  await ledger.record(note())
  const batch = (): unknown => {
    const db = openDatabase(place.path, { readOnly: true })
    try {
      return db.prepare('SELECT batch, batch_from FROM log_state').get()
    } finally {
      db.close()
    }
  }
  const before = batch()
  await ledger.sweep()
  expect(batch()).toEqual(before)
  // One that only forgets has no leaf either.
  const forgetAfter = place.clock.now()
  await ledger.intend(intent(call('s-1'), { proof: { jkt: 'k', jti: 'j', forgetAfter } }))
  const afterIntent = batch()
  place.clock.advance(1)
  expect(await ledger.sweep()).toEqual({ ...NOTHING, proofsForgotten: 1 })
  expect(batch()).toEqual(afterIntent)
  expect(afterIntent).not.toEqual(before)
})

test('a sweep refused by a clock that went back does not stop the next ones', async () => {
  await ledger.record(note())
  place.clock.advance(-60_000)
  await expect(ledger.sweep()).rejects.toMatchObject({ code: 'clock_error' })
  place.clock.advance(60_000)
  expect(await ledger.sweep()).toEqual(NOTHING)
  await ledger.close()
  ledger = await place.open({ sweepEveryMs: 5 })
  const one = call('s-1')
  await ledger.intend(intent(one, { dispatchNotAfter: place.clock.now() }))
  place.clock.advance(-60_000)
  await ledger.sweep().catch(() => undefined)
  place.clock.advance(60_000 + GRACE_MS + 1)
  for (let tries = 0; tries < 400; tries += 1) {
    const [open] = await ledger.openIntents()
    if (open?.outcome === 'unknown') break
    await sleep(5)
  }
  expect(await ledger.openIntents()).toMatchObject([{ outcome: 'unknown' }])
})

describe('group commit', () => {
  test('what one turn of the event loop asks for is few commits, and one checkpoint covers it', async () => {
    const batches = new Set<string>()
    const appended = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const result = await ledger.record(denial('s-1', { i }))
        batches.add(ledger.checkpoint())
        return result
      }),
    )
    expect(appended.map((one) => one.index)).toEqual(Array.from({ length: 200 }, (_, i) => i + 2))
    expect(batches.size).toBeLessThan(60)
    // Every answer comes with a size that its own leaf is in, and that was published by then.
    for (const { index, size } of appended) expect(size).toBeGreaterThan(index)
  })

  test('a guard refuses its waiter alone: the others of its commit go on', async () => {
    const one = call('s-1')
    const results = await Promise.all([
      ledger.record(denial('s-1')),
      ledger.intend(intent(one)),
      ledger.intend(intent(one)),
      ledger.record(denial('s-1')),
      ledger.intend(intent(call('s-2'), { debit: true })),
      ledger.record(denial('s-2')),
    ])
    expect(results).toMatchObject([
      { sessionSeq: 1 },
      { ok: true, value: { sessionSeq: 2 } },
      { ok: false, error: { code: 'grant_consumed' } },
      { sessionSeq: 3 },
      { ok: false, error: { code: 'budget_session_not_found' } },
      { sessionSeq: 1 },
    ])
  })

  test('a commit in which every guard refused appends nothing', async () => {
    const before = ledger.checkpoint()
    await ledger.intend(intent(call('s-1'), { debit: true }))
    expect(ledger.checkpoint()).toBe(before)
    expect(rowsOf('proofs')).toBe(0)
    expect(rowsOf('sessions')).toBe(0)
  })

  test('whoever locks the database from outside makes commits fail, and the ledger stops', async () => {
    const db = openDatabase(place.path)
    db.exec('BEGIN IMMEDIATE')
    await expect(ledger.record(note())).rejects.toMatchObject({ code: 'commit_failed' })
    expect(ledger.state).toBe('failed')
    expect(await ledger.healthy()).toBe(false)
    await expect(ledger.record(note())).rejects.toMatchObject({ code: 'commit_failed' })
    db.exec('ROLLBACK')
    db.close()
    await expect(ledger.record(note())).rejects.toMatchObject({ code: 'commit_failed' })
    await ledger.close()
    ledger = await place.open()
    expect(await ledger.record(note())).toMatchObject({ index: 2 })
  })
})
