export { type LedgerRecord, recordsAt } from './ledger-records.js'
export { main } from './main.js'
export { createProject, type NewProject } from './project.js'
export { receiptLines } from './receipt-lines.js'
