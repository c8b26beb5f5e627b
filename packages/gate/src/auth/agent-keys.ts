import type { GateConfig, RegisteredAgent } from '../config/schema.js'
import type { Identity } from './identity.js'

/** The registered agents: `[agents.<name>]`, found by the thumbprint of their key (design 10). */
export class AgentKeys {
  #byThumbprint: ReadonlyMap<string, Identity>

  constructor(agents: GateConfig['agents']) {
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
