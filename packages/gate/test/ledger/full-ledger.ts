import { randomUUID } from 'node:crypto'
import type { SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import { call, denial, intent, lease, note, seal } from './entries.js'
import type { LedgerDir } from './sqlite-fixture.js'

/**
 * A ledger with something in every table: tiles, sessions with a limit, without one and
 * without a budget, grants open, unknown, sealed, and sealed after they were unknown, proofs, payloads.
 * Closed when this resolves; returns its latest checkpoint.
 */
export async function writeFullLedger(place: LedgerDir): Promise<string> {
  const ledger = await place.open()
  const until = place.clock.now() + 1_000_000_000
  const proof = { jkt: 'k', jti: randomUUID(), forgetAfter: until }
  await ledger.issueLease(lease('s-limited', { maxCalls: 5 }))
  await ledger.issueLease(lease('s-limitless', { maxCalls: null }))
  await ledger.issueLease(lease('s-none', { proof }))
  for (const session of ['s-limited', 's-limitless', 's-none']) {
    await runCall(ledger, session, session !== 's-none')
    await ledger.record(denial(session))
  }
  const refunded = call('s-limited')
  await begin(ledger, refunded, true)
  await ledger.seal(seal(refunded, 3, { refund: true }))
  await Promise.all(Array.from({ length: 240 }, (_, i) => ledger.record(note({ i }))))
  const late = [call('s-limited'), call('s-limited')]
  for (const one of late) {
    await ledger.intend(intent(one, { debit: true, dispatchNotAfter: place.clock.now() }))
  }
  place.clock.advance(60_000)
  await ledger.sweep()
  await ledger.seal(seal(late[1]!, 5))
  await begin(ledger, call('s-none'), false)
  const checkpoint = ledger.checkpoint()
  await ledger.close()
  return checkpoint
}

async function runCall(ledger: SqliteLedgerHandle, session: string, debit: boolean): Promise<void> {
  const one = call(session)
  await begin(ledger, one, debit)
  await ledger.seal(seal(one, 1))
}

async function begin(
  ledger: SqliteLedgerHandle,
  one: ReturnType<typeof call>,
  debit: boolean,
): Promise<void> {
  const result = await ledger.intend(intent(one, { debit }))
  if (!result.ok) throw new Error(result.error.code)
}
