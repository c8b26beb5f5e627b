import { expect, test } from 'vitest'
import { LedgerFault } from '../src/ledger/faults.js'
import { ledgerFault, readLedger } from '../src/ledger-fault.js'
import { Fault } from '../src/refusal.js'

test('a ledger that is away is a fault with a code of its own, for reads and writes alike', async () => {
  const cause = new LedgerFault('closed', 'the ledger is closed')
  expect(ledgerFault(cause)).toMatchObject({ code: 'store_unavailable', cause })
  const read = readLedger(Promise.reject(cause))
  await expect(read).rejects.toBeInstanceOf(Fault)
  await expect(read).rejects.toMatchObject({ code: 'store_unavailable', cause })
})

test('a clock that went back is told apart', () => {
  const cause = Object.assign(new Error('behind'), { code: 'clock_error' })
  expect(ledgerFault(cause)).toMatchObject({ code: 'clock_error', cause })
})

test.each([null, undefined, 'text', new Error('other')])(
  '%s is a fault of the ledger too',
  (cause) => {
    expect(ledgerFault(cause)).toMatchObject({ code: 'store_unavailable' })
  },
)

test('what was read is handed on as it is', async () => {
  expect(await readLedger(Promise.resolve(undefined))).toBeUndefined()
})
