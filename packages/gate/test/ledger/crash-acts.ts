import type { Result } from '@latchgate/protocol'
import type { HoldEntry, IdentityTokenUse, Ledger, ProofUse } from '../../src/ledger/port.js'
import {
  approved,
  decision,
  ERASE_AFTER,
  hold,
  intent,
  learning,
  lease,
  revocation,
} from './entries.js'

/** Acts in whose commit a gate dies. The same in the process that dies and in the one that looks. */
export type CrashAct = 'hold' | 'vote' | 'deny' | 'intend' | 'revoke' | 'learn' | 'lease'

const proofOf = (jti: string): ProofUse => ({ jkt: 'jkt', jti, forgetAfter: ERASE_AFTER })

/** What waits before any of the acts. */
export const WAITING: HoldEntry = hold('s-1', {
  approvalId: 'approval-waiting',
  callHash: 'call-waiting',
  planHash: 'plan-waiting',
  proof: proofOf('waiting'),
})

export const NEW_HOLD: HoldEntry = hold('s-2', {
  approvalId: 'approval-new',
  callHash: 'call-new',
  planHash: 'plan-new',
  proof: proofOf('act'),
})

/** A token that opens a session in one of the acts. */
export const TOKEN: IdentityTokenUse = { hash: 'token-act', expiresAt: ERASE_AFTER }

const BEGUN = { grantId: 'grant-act', traceId: 'trace-act', sessionId: 's-1' }
const proof = proofOf('act')

/** A call of the agent whose call waits. */
export const nextCall = (ledger: Ledger): ReturnType<Ledger['intend']> =>
  ledger.intend(
    intent(
      { grantId: 'grant-next', traceId: 'trace-next', sessionId: 's-1' },
      {
        proof: proofOf('next'),
      },
    ),
  )

interface Act {
  /** A statement of its commit. */
  readonly statement: string
  readonly run: (ledger: Ledger) => Promise<Result<unknown, { readonly code: string }>>
}

export const ACTS: Readonly<Record<CrashAct, Act>> = {
  hold: { statement: 'INSERT INTO approvals', run: (ledger) => ledger.hold(NEW_HOLD) },
  vote: {
    statement: 'INSERT INTO approval_votes',
    run: (ledger) => ledger.decide(decision(WAITING, 'vote', { proof })),
  },
  deny: {
    statement: "WHERE approval_id = ? AND state = 'pending'",
    run: (ledger) => ledger.decide(decision(WAITING, 'denied', { proof })),
  },
  intend: {
    statement: "SET state = 'claimed'",
    run: (ledger) => ledger.intend(approved(WAITING, BEGUN, { proof })),
  },
  revoke: {
    statement: 'INSERT INTO revocations',
    run: (ledger) => ledger.revoke(revocation('session', 's-1', 1, proof)),
  },
  learn: {
    statement: 'INSERT INTO learned_rules',
    run: (ledger) => ledger.learn({ ...learning('add'), proof }),
  },
  lease: {
    statement: 'INSERT INTO identity_tokens',
    run: (ledger) => ledger.issueLease(lease('s-9', { proof, identityToken: TOKEN, maxCalls: 2 })),
  },
}

/** Everything that the acts are about. */
export async function prepareActs(ledger: Ledger): Promise<void> {
  const held = await ledger.hold(WAITING)
  if (!held.ok) throw new Error(held.error.code)
}
