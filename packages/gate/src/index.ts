export { loadLeaseSigningKey, loadSeed } from './auth/key-files.js'
export { type PeerCredentials, readPeerCredentials } from './auth/peer-credentials.js'
export { ConfigError } from './config/config-error.js'
export {
  type ConfigEnvironment,
  findConfigFile,
  loadConfig,
  parseConfig,
  runtimeDirectory,
} from './config/load.js'
export {
  isRelaxed,
  parseListenAddress,
  postureProblems,
  processFacts,
  relaxedFlags,
  StartupError,
  unseparatedPrincipals,
} from './config/posture.js'
export type { GateConfig, LoadedConfig } from './config/schema.js'
export { writeNewFile } from './durable-file.js'
export { type GateOptions, type RunningGate, startGate } from './gate.js'
export type { GateAddresses } from './http/listen-all.js'
export { openDatabase } from './ledger/sqlite/database.js'
export {
  type LedgerFileToVerify,
  verifyLedgerFile,
} from './ledger/sqlite/verify/verify-ledger-file.js'
export { createLogger } from './logging.js'
export { shellWord } from './shell-word.js'
export { VERSION } from './version.js'
