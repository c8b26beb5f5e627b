import type { DrainBody } from '@latchgate/protocol'
import type { Context } from '../context.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findOperator } from '../operator-key.js'

/** `latchgate drain [--undo]`: the gate begins nothing any more, and finishes what it has begun. */
export async function drainCommand(
  context: Context,
  { undo }: { readonly undo?: boolean },
): Promise<number> {
  const { output } = context
  const loaded = context.load()
  const operator = findOperator(loaded, context.options)
  const method = undo === true ? 'DELETE' : 'POST'
  const answer = await askGate(loaded, { method, path: '/v1/admin/drain' }, operator)
  const body = bodyOf(answer) as unknown as DrainBody
  output.document({ ok: true, ...body })
  if (body.draining) {
    output.success(
      body.already_draining
        ? 'the gate was draining already'
        : 'the gate drains: leases, calls and approvals are answered with 503 `draining`',
    )
    output.field('in flight', String(body.in_flight_executions))
    output.hint('take it back with: latchgate drain --undo')
    output.hint('end the gate with: latchgate down')
  } else output.success('the gate takes calls again')
  return 0
}
