import { ledgerContract } from './ledger-contract.js'
import { ledgerDir } from './sqlite-fixture.js'

ledgerContract('SQLite', async () => {
  const place = ledgerDir()
  let current = await place.open()
  return {
    ledger: current,
    clock: place.clock,
    vkey: current.vkey,
    reopen: async () => {
      await current.close()
      current = await place.open()
      return current
    },
    remove: () => place.remove(),
  }
})
