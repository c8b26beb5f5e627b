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
 * @param inForce what the gate was started with: operators and posture stay as they are there
 */
export function rereadConfig(
  reread: () => LoadedConfig,
  uid: number,
  inForce: Pick<GateConfig, 'operator_credentials' | 'posture'>,
): GateConfig {
  const { config, file } = reread()
  // Who may write the file may register a key or an issuer of his own.
  if (file !== null) assertProtected([file], uid)
  assertProtected(issuerKeyFiles(config), uid)
  const problems = [...agentProblems(config), ...jwtIssuerProblems(config)]
  const found = problems.length > 0 ? problems : needsStart(config, inForce)
  if (found.length > 0) {
    throw new StartupError('production_security_validation_failed', found.join('; '))
  }
  return config
}

// What goes well with the rest of the file need not with what is still in force.
function needsStart(
  { agents, identity }: GateConfig,
  { operator_credentials, posture }: Pick<GateConfig, 'operator_credentials' | 'posture'>,
): readonly string[] {
  const operators = Object.entries(operator_credentials)
  const shared = Object.entries(agents).flatMap(([name, { dpop_jkt }]) => {
    const operator = operators.find(([, credential]) => credential.dpop_jkt === dpop_jkt)?.[0]
    if (operator === undefined) return []
    // An agent with an operator's key could approve its own calls.
    return [
      `the \`dpop_jkt\` of \`agents.${name}\` is the one of the operator '${operator}' until the ` +
        'gate is started again: start it again, or give the agent its own key',
    ]
  })
  // Records say `dev_mode` by the posture of the start.
  const unrelaxed = jwtIssuerProblems({ identity, posture })
  return [...shared, ...unrelaxed.map((problem) => `${problem} and start the gate again`)]
}
