import { randomUUID } from 'node:crypto'
import type { Result } from '@latchgate/protocol'
import type { HoldEntry } from '../../src/ledger/port.js'
import type { SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import {
  approved,
  approvedSeal,
  call,
  decision,
  denial,
  hold,
  intent,
  learning,
  lease,
  note,
  revocation,
  seal,
} from './entries.js'
import type { LedgerDir } from './sqlite-fixture.js'

/**
 * A ledger with something in every table: tiles, sessions with a limit, without one and
 * without a budget, grants open, unknown, sealed, and sealed after they were unknown, proofs, payloads;
 * approvals in every state, a quorum, revocations of every kind, quotas used and given back, rules
 * learned, removed and cleared.
 * Closed when this resolves; returns its latest checkpoint.
 */
export async function writeFullLedger(place: LedgerDir): Promise<string> {
  const ledger = await place.open()
  const until = place.clock.now() + 1_000_000_000
  const proof = { jkt: 'k', jti: randomUUID(), forgetAfter: until }
  await ledger.issueLease(lease('s-limited', { maxCalls: 5 }))
  await ledger.issueLease(lease('s-limitless', { maxCalls: null }))
  await ledger.issueLease(lease('s-none', { proof }))
  for (const hash of ['token-1', 'token-2']) {
    await ledger.issueLease(lease('s-token', { identityToken: { hash, expiresAt: until } }))
  }
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
  await runApprovals(ledger, place.clock.now())
  await useQuotas(ledger)
  await learnRules(ledger)
  place.clock.advance(60_000)
  await ledger.sweep()
  await ledger.seal(seal(late[1]!, 5))
  await begin(ledger, call('s-none'), false)
  await revokeAll(ledger)
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

const QUOTAS = [{ calls: 100, windowSeconds: 3600 }]

function done<T>(result: Result<T, { readonly code: string }>): T {
  if (!result.ok) throw new Error(result.error.code)
  return result.value
}

async function held(
  ledger: SqliteLedgerHandle,
  session: string,
  more: Partial<HoldEntry> = {},
): Promise<HoldEntry> {
  const entry = hold(session, more)
  done(await ledger.hold(entry))
  return entry
}

async function runApprovals(ledger: SqliteLedgerHandle, now: number): Promise<void> {
  const [first, failing, lost, unfinished] = Array.from({ length: 4 }, () => call('s-held'))
  const one = await held(ledger, 's-held', { required: 2 })
  done(await ledger.decide(decision(one, 'vote')))
  done(await ledger.decide(decision(one, 'vote')))
  const begun = done(await ledger.intend(approved(one, first!, { operator: 'omar' })))
  const rule = learning('add', { value: 'learned.example.com', principal: 'agent-a' })
  await ledger.seal(approvedSeal(one, first!, begun.sessionSeq, { learn: [rule] }))
  const two = await held(ledger, 's-held')
  const begunTwo = done(await ledger.intend(approved(two, failing!)))
  const result = { kind: 'timeout' } as const
  await ledger.seal(approvedSeal(two, failing!, begunTwo.sessionSeq, { normalized_result: result }))
  const three = await held(ledger, 's-held')
  done(await ledger.intend(approved(three, lost!, { dispatchNotAfter: now })))
  done(await ledger.intend(approved(await held(ledger, 's-held'), unfinished!)))
  done(await ledger.decide(decision(await held(ledger, 's-held'), 'denied')))
  done(await ledger.decide(decision(await held(ledger, 's-held'), 'failed')))
  await held(ledger, 's-held', { expiresAt: now + 1000 })
  for (const session of ['s-held', 's-revoked']) await held(ledger, session)
}

async function useQuotas(ledger: SqliteLedgerHandle): Promise<void> {
  const [used, refunded] = [call('s-none'), call('s-none')]
  const quota = { quotas: QUOTAS, costUsdCents: 7 }
  done(await ledger.intend(intent(used, quota)))
  const { sessionSeq } = done(await ledger.intend(intent(refunded, quota)))
  await ledger.seal(seal(refunded, sessionSeq, { refund: true }))
}

async function learnRules(ledger: SqliteLedgerHandle): Promise<void> {
  const path = { kind: 'path', actionId: 'fs_read' } as const
  for (const value of ['a.example.com', 'b.example.com', 'a.example.com']) {
    done(await ledger.learn(learning('add', { value })))
  }
  done(await ledger.learn(learning('remove', { value: 'b.example.com' })))
  done(await ledger.learn(learning('add', { ...path, value: '/a/*' })))
  done(await ledger.learn(learning('clear', path)))
  done(await ledger.learn(learning('add', { ...path, value: '/b/*' })))
}

async function revokeAll(ledger: SqliteLedgerHandle): Promise<void> {
  const targets = [
    ['session', 's-revoked'],
    ['lease', 'lease-x'],
    ['principal', 'agent-x'],
    ['all', null],
  ] as const
  for (const [i, [kind, value]] of targets.entries()) {
    done(await ledger.revoke(revocation(kind, value, i + 1)))
  }
  done(await ledger.hold(hold('s-held', { lease: { jti: 'lease-b', epoch: 4 } })))
}
