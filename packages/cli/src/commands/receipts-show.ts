import { checkReceipt, type Receipt, type ReceiptCheck } from '@latchgate/evidence'
import { decodeHex, isResourceId } from '@latchgate/protocol'
import { sha256, verifyEd25519 } from '@latchgate/protocol/node'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findOperator } from '../operator-key.js'
import { receiptLines } from '../receipt-lines.js'

/** `latchgate receipts show ID`: the receipt, and its signature checked on this machine. */
export async function receiptsShowCommand(context: Context, receiptId: string): Promise<number> {
  const { output } = context
  const notFound = new CommandFailure('not_found', `there is no receipt '${receiptId}'`, {
    hints: ['an id is in `receiptId` of a result and of an error that has a receipt'],
  })
  if (!isResourceId(receiptId)) throw notFound
  const loaded = context.load()
  const operator = findOperator(loaded, context.options)
  const path = `/v1/receipts/${receiptId}`
  const answer = await askGate(loaded, { method: 'GET', path }, operator)
  if (answer.status === 404) throw notFound
  const { signature_status: _claimed, log_index: index, ...members } = bodyOf(answer)
  const receipt = members as unknown as Receipt
  const keys = bodyOf(await askGate(loaded, { method: 'GET', path: '/v1/receipt-keys' }))
  const checked = check(receipt, keys['keys'] as readonly { kid: string; x_hex: string }[])
  output.document({ ok: checked.signature === 'valid', receipt, log_index: index, checked })
  output.line(`Receipt ${receiptId}`)
  for (const [label, value] of receiptLines(receipt)) output.field(label, value)
  output.field('leaf', `#${String(index)}`)
  output.field('signature', `${checked.signature} (key ${receipt.signing_key_id}, checked here)`)
  output.field('result hash', checked.result_hash)
  return checked.signature === 'valid' ? 0 : 2
}

// Computed here: what the gate says of its own signature proves nothing.
function check(
  receipt: Receipt,
  known: readonly { readonly kid: string; readonly x_hex: string }[],
): ReceiptCheck {
  const key = known.find((one) => one.kid === receipt.signing_key_id)
  const publicKey = key === undefined ? undefined : (decodeHex(key.x_hex) ?? undefined)
  return checkReceipt(receipt, publicKey, { sha256, verifyEd25519 })
}
