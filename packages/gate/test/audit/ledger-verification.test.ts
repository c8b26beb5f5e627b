import { writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { LedgerVerification } from '../../src/audit/ledger-verification.js'
import { denial, note } from '../ledger/entries.js'
import { type LedgerDir, ledgerDir } from '../ledger/sqlite-fixture.js'

const places: LedgerDir[] = []

afterEach(async () => {
  for (const place of places.splice(0)) await place.remove()
})

async function begin(): Promise<{
  readonly place: LedgerDir
  readonly verification: LedgerVerification
}> {
  const place = ledgerDir()
  places.push(place)
  const ledger = await place.open()
  await ledger.record(denial('s', { principal: 'agent-b' }))
  await ledger.record(note({ unauthenticated: { invalid_dpop: 1 } }))
  return { place, verification: new LedgerVerification(place.path, ledger) }
}

const INTACT = { intact: true, total_events: 4, verified_links: 4, broken_at: null }

test('who asks while a run goes on shares it; who asks later gets a new one', async () => {
  const { place, verification } = await begin()
  const first = verification.verify()
  expect(verification.verify()).toBe(first)
  expect(await first).toEqual(INTACT)
  place.tamper("UPDATE leaves SET principal = 'other' WHERE type = 'decision'")
  const again = verification.verify()
  expect(again).not.toBe(first)
  const { intact, broken_at, findings } = await again
  expect([intact, broken_at?.startsWith('trace-')]).toEqual([false, true])
  expect(findings).toEqual([
    {
      index: 2,
      id: expect.any(String) as string,
      column: 'principal',
      problem: 'the column says "other", the leaf "agent-b"',
    },
  ])
})

test('a record without a trace is found all the same, and so is what is no record', async () => {
  const { place, verification } = await begin()
  place.tamper("UPDATE leaves SET hash = zeroblob(32) WHERE type = 'summary'")
  expect(await verification.verify()).toMatchObject({ intact: false, broken_at: null })
  place.tamper("UPDATE leaves SET bytes = x'00' WHERE type = 'decision'")
  const { broken_at } = await verification.verify()
  expect(broken_at).toMatch(/^trace-/)
})

test('a gate that closes ends the run, and tells who waits for it', async () => {
  const { verification } = await begin()
  const waiting = verification.verify()
  const closed = verification.close()
  await expect(waiting).rejects.toMatchObject({ name: 'Fault', code: 'draining' })
  await closed
  await expect(verification.verify()).rejects.toMatchObject({ code: 'draining' })
})

test('what is no ledger is not called broken evidence: it could not be verified', async () => {
  const { place } = await begin()
  const path = place.dir.file('other.db')
  writeFileSync(
    path,
    'not a database at all, but long enough to have a header of one hundred bytes',
  )
  const verification = new LedgerVerification(path, { checkpoint: () => '' })
  await expect(verification.verify()).rejects.toMatchObject({ code: 'ledger_error' })
  await expect(verification.verify()).rejects.toMatchObject({ code: 'ledger_error' })
})
