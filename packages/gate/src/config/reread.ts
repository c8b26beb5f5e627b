import { jwtIssuerProblems } from './jwt-issuers.js'
import { StartupError } from './posture.js'
import { assertProtected } from './protected-files.js'
import { agentProblems } from './registered-agents.js'
import type { GateConfig, LoadedConfig } from './schema.js'
import { issuerKeyFiles } from './start-files.js'

/**
 * The configuration as a reload finds it, held to what a start holds agents and issuers to. Throws
 * `ConfigError` for a file that cannot be used and `StartupError` for one that somebody else can write or
 * that contradicts itself.
 *
 * @param reread loads the file again
 */
export function rereadConfig(reread: () => LoadedConfig, uid: number): GateConfig {
  const { config, file } = reread()
  // Who may write the file may register a key or an issuer of his own.
  if (file !== null) assertProtected([file], uid)
  assertProtected(issuerKeyFiles(config), uid)
  const problems = [...agentProblems(config), ...jwtIssuerProblems(config)]
  if (problems.length > 0) {
    throw new StartupError('production_security_validation_failed', problems.join('; '))
  }
  return config
}
