import { text } from 'node:stream/consumers'
import { executionReceiptFromJson, type ReceiptKey, verifyReceipt } from 'latchgate'

/**
 * What the TypeScript SDK says about receipts that tests in other languages have: reads
 * `{"receipts": [...], "keys": [{"kid", "x_hex"}]}` and prints, for each receipt,
 * `[signature, resultHash]`, or null where it is no receipt.
 */
const { receipts, keys } = JSON.parse(await text(process.stdin)) as {
  readonly receipts: readonly Readonly<Record<string, unknown>>[]
  readonly keys: readonly ReceiptKey[]
}

function verdictOf(members: Readonly<Record<string, unknown>>): readonly string[] | null {
  try {
    const { signature, resultHash } = verifyReceipt(executionReceiptFromJson(members), keys)
    return [signature, resultHash]
  } catch (error) {
    if (error instanceof Error && error.name === 'LatchGateTransportError') return null
    throw error
  }
}

process.stdout.write(JSON.stringify(receipts.map(verdictOf)))
