import { checkReceipt, type Receipt } from '@latchgate/evidence'
import { decodeHex, isResourceId } from '@latchgate/protocol'
import { sha256, verifyEd25519 } from '@latchgate/protocol/node'
import { askGate, findOperator } from '../gate-connection.js'
import type { Context } from '../main.js'
import { CommandFailure, printable } from '../output.js'

/** `latchgate receipts show ID`: the receipt, and its signature checked on this machine. */
export async function receiptsShowCommand(context: Context, receiptId: string): Promise<number> {
  const { output } = context
  if (!isResourceId(receiptId)) throw new CommandFailure('that is not a receipt id')
  const loaded = context.load()
  const operator = findOperator(loaded, context.options)
  const path = `/v1/receipts/${receiptId}`
  const answer = await askGate(loaded, { method: 'GET', path }, operator)
  if (answer.status === 404) throw new CommandFailure(`receipt '${receiptId}' not found`)
  if (answer.status !== 200) {
    throw new CommandFailure(`the gate answered ${answer.status}: ${String(answer.body['error'])}`)
  }
  const { signature_status: _claimed, log_index: index, ...members } = answer.body
  const receipt = members as unknown as Receipt
  const keys = await askGate(loaded, { method: 'GET', path: '/v1/receipt-keys' })
  const known = keys.body['keys'] as readonly { kid: string; x_hex: string }[]
  const key = known.find((one) => one.kid === receipt.signing_key_id)
  const publicKey = key === undefined ? undefined : (decodeHex(key.x_hex) ?? undefined)
  // Computed here: what the gate says of its own signature proves nothing.
  const checked = checkReceipt(receipt, publicKey, { sha256, verifyEd25519 })
  output.document({ ...answer.body, checked })
  output.line(`Receipt ${receiptId}`)
  for (const [label, value] of lines(receipt)) output.field(label, printable(value))
  output.field('leaf', `#${String(index)}`)
  output.field('signature', `${checked.signature} (key ${receipt.signing_key_id}, checked here)`)
  output.field('result hash', checked.result_hash)
  return checked.signature === 'valid' ? 0 : 2
}

function lines(receipt: Receipt): readonly (readonly [string, string])[] {
  const effects = receipt.effects.map((effect) => {
    const { method, url, outcome, status } = effect as Record<string, unknown>
    return ['effect', `${String(method)} ${String(url)} → ${String(outcome)} ${String(status)}`]
  }) as [string, string][]
  return [
    ['action', `${receipt.action_id} ${receipt.action_version}`],
    ['principal', receipt.principal],
    ['session', `${receipt.session_id}, call ${receipt.session_seq}`],
    [
      'outcome',
      `${receipt.outcome}${receipt.error_type === null ? '' : `, ${receipt.error_type}`}`,
    ],
    ['verification', String((receipt.verification_outcome as { status?: unknown }).status)],
    ['times', `${receipt.started_at} – ${receipt.finished_at}`],
    ...effects,
  ]
}
