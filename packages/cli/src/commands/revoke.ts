import type { RevokeRequest, RevokeResponse } from '@latchgate/protocol'
import { CommandFailure, usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findOperator } from '../operator-key.js'
import { askPerson, canAsk } from '../terminal-question.js'

/** What to revoke: one of the first four. */
export interface RevokeOptions {
  readonly lease?: string
  readonly session?: string
  readonly principal?: string
  readonly all?: boolean
  readonly reason?: string
  readonly yes?: boolean
}

type Target = Omit<RevokeRequest, 'reason'>

/** `latchgate revoke`: ends leases, now; nothing of theirs that was not dispatched goes on. */
export async function revokeCommand(context: Context, options: RevokeOptions): Promise<number> {
  const { output } = context
  const target = targetOf(options)
  if (target.all === true && options.yes !== true && !(await isConfirmed(context))) {
    output.info('cancelled: nothing was revoked')
    return 0
  }
  const loaded = context.load()
  const operator = findOperator(loaded, context.options)
  const { reason } = options
  const body: RevokeRequest = { ...target, ...(reason === undefined ? {} : { reason }) }
  const answer = await askGate(loaded, { method: 'POST', path: '/v1/admin/revoke', body }, operator)
  const { revoked, ...members } = bodyOf(answer) as unknown as RevokeResponse
  output.document({ ok: true, revoked, ...members })
  const whose = revoked.value === null ? 'every lease' : `${revoked.kind} ${revoked.value}`
  output.success(`revoked ${whose}`)
  if (revoked.value !== null) {
    output.hint('whether it exists was not looked up: latchgate audit --event-type lease_issued')
  }
  output.field('epoch', `${members.previous_epoch} → ${members.current_epoch}`)
  output.field('held calls', `${members.approvals_revoked} ended with it`)
  output.line()
  output.line(
    '  This ends leases that exist. It does not end rights: who may have a lease gets a new one.',
  )
  output.line('  Take rights away:       latchgate policy revoke PRINCIPAL ACTION')
  output.line('  Begin nothing any more: latchgate drain')
  return 0
}

async function isConfirmed(context: Context): Promise<boolean> {
  if (!canAsk(context)) {
    throw new CommandFailure(
      'confirmation_needed',
      'there is nobody to ask (no terminal, or --json): nothing was revoked',
      { hints: ['confirm with --yes'] },
    )
  }
  const answer = await askPerson(
    context,
    'Revoke every lease of every agent? Calls that were not dispatched end. Type yes: ',
  )
  return answer?.trim() === 'yes'
}

function targetOf({ lease, session, principal, all }: RevokeOptions): Target {
  const given: readonly Target[] = [
    ...(lease === undefined ? [] : [{ lease_jti: lease }]),
    ...(session === undefined ? [] : [{ session_id: session }]),
    ...(principal === undefined ? [] : [{ principal }]),
    ...(all === true ? [{ all } as const] : []),
  ]
  const [target, another] = given
  if (target === undefined || another !== undefined) {
    throw usageFailure('say what to revoke with one of --lease, --session, --principal, --all')
  }
  return target
}
