import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
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
    // Whatever a test did: the tables are those of the leaves.
    remove: async () => {
      await current.close()
      const { findings } = verifyLedgerFile({ path: place.path })
      await place.remove()
      if (findings.length > 0) throw new Error(JSON.stringify(findings))
    },
  }
})
