export {
  loadLeaseSigningKey,
  loadSeed,
  readLeaseSigningKey,
  readSeed,
} from './auth/key-files.js'
export { type PeerCredentials, readPeerCredentials } from './auth/peer-credentials.js'
export {
  isRegistered,
  type RegisteredReceiptKey,
  readReceiptKeys,
} from './auth/receipt-key-registry.js'
export { readIssuerKeys } from './auth/token-issuers.js'
export {
  AgentEditRefused,
  addAgentTable,
  type NewAgent,
  removeAgentTable,
} from './config/agent-tables.js'
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
  type ProcessFacts,
  parseListenAddress,
  postureProblems,
  processFacts,
  relaxedFlags,
  StartupError,
  unseparatedPrincipals,
} from './config/posture.js'
export { assertPrivate, assertProtected } from './config/protected-files.js'
export {
  CONFIG_SCHEMA,
  type GateConfig,
  type LoadedConfig,
  type OperatorCredential,
} from './config/schema.js'
export { assertPeerCredentials, privatePaths, protectedPaths } from './config/start-files.js'
export { replaceFile, writeNewFile } from './durable-file.js'
export { startEgress } from './egress/start-egress.js'
export { type RunningGate, startGate } from './gate.js'
export type { GateOptions } from './gate-options.js'
export { assertApart, type GateAddresses } from './http/listen-all.js'
export { inspectSocket } from './http/sockets.js'
export { type InspectedActions, inspectActions } from './inspect-actions.js'
export {
  LedgerDamaged,
  LedgerInUse,
  LedgerMismatch,
  LedgerRolledBack,
} from './ledger/faults.js'
export { openDatabase } from './ledger/sqlite/database.js'
export { highWaterPathOf, inspectLedger, type LedgerFacts } from './ledger/sqlite/inspect-ledger.js'
export {
  type LedgerFileToVerify,
  verifyLedgerFile,
} from './ledger/sqlite/verify/verify-ledger-file.js'
export { createLogger } from './logging.js'
export {
  type PolicyData,
  PolicyDataError,
  parsePolicyData,
  type Quota,
} from './policy/data-document.js'
export { grantEdit, revokeEdit } from './policy/edit-acl.js'
export {
  allowlistEdit,
  quorumEdit,
  quotaEdit,
  requireApprovalEdit,
} from './policy/edit-rules.js'
export { loadPolicyData, policyDataPath } from './policy/load.js'
export type { PolicyEdit } from './policy/policy-edit.js'
export { PolicyFileError } from './policy/policy-file.js'
export { editProjectPolicy, readProjectPolicy } from './policy/policy-of-project.js'
export { createRegoEngine } from './policy/rego-wasm.js'
export { assertWildcardAcl, riskyActions } from './policy/wildcard-rule.js'
export type { Refusal } from './refusal.js'
export { EnvironmentSecrets } from './secrets/environment.js'
export { VERSION } from './version.js'
