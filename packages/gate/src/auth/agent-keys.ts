import { StartupError } from '../config/posture.js'
import { assertProtected } from '../config/protected-files.js'
import { agentProblems } from '../config/registered-agents.js'
import type { GateConfig, LoadedConfig, RegisteredAgent } from '../config/schema.js'
import type { Identity } from './identity.js'

/** Loads the configuration again; throws for one that cannot be used. */
export type Reread = () => LoadedConfig

/** The registered agents: `[agents.<name>]`, found by the thumbprint of their key (design 10). */
export class AgentKeys {
  readonly #reread: Reread
  readonly #uid: number
  #byThumbprint: ReadonlyMap<string, Identity>

  /** @param reread used by `read`, as the file may have changed since the start */
  constructor(agents: GateConfig['agents'], reread: Reread, uid: number) {
    this.#reread = reread
    this.#uid = uid
    this.#byThumbprint = byThumbprint(agents)
  }

  /** How many keys are registered. */
  get size(): number {
    return this.#byThumbprint.size
  }

  /** Who holds this key; undefined: nobody that is registered now. */
  find(jkt: string): Identity | undefined {
    return this.#byThumbprint.get(jkt)
  }

  /**
   * What the file says now, not yet in force. Throws `ConfigError` for a file that cannot be used and
   * `StartupError` for one that somebody else can write or whose agents contradict each other.
   */
  read(): GateConfig['agents'] {
    const { config, file } = this.#reread()
    // Who may write the file may register a key of his own.
    if (file !== null) assertProtected([file], this.#uid)
    const problems = agentProblems(config)
    if (problems.length > 0) {
      throw new StartupError('production_security_validation_failed', problems.join('; '))
    }
    return config.agents
  }

  /** Puts these into force: leases of keys that are not among them stop at their next request. */
  activate(agents: GateConfig['agents']): void {
    this.#byThumbprint = byThumbprint(agents)
  }
}

function byThumbprint(
  agents: Readonly<Record<string, RegisteredAgent>>,
): ReadonlyMap<string, Identity> {
  return new Map(
    Object.values(agents).map((agent) => [
      agent.dpop_jkt,
      {
        principal: agent.principal,
        method: 'agent_key',
        maximumScopes: agent.scopes,
        owner: agent.owner ?? null,
      },
    ]),
  )
}
