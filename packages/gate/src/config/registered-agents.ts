import type { GateConfig } from './schema.js'

/**
 * What contradicts itself in `[agents]`; empty when nothing does. No posture flag relaxes it: a key
 * is one agent, and never an operator as well.
 */
export function agentProblems(
  config: Pick<GateConfig, 'agents' | 'operator_credentials'>,
): readonly string[] {
  const problems: string[] = []
  const holders = new Map<string, string>()
  for (const [name, { dpop_jkt }] of Object.entries(config.operator_credentials)) {
    if (dpop_jkt !== undefined) holders.set(dpop_jkt, `operator_credentials.${name}`)
  }
  for (const [name, { dpop_jkt }] of Object.entries(config.agents)) {
    const holder = holders.get(dpop_jkt)
    if (holder === undefined) {
      holders.set(dpop_jkt, `agents.${name}`)
      continue
    }
    // An agent with an operator's key could approve its own calls.
    problems.push(
      `\`agents.${name}\` and \`${holder}\` have the same \`dpop_jkt\`: give each its own key`,
    )
  }
  return problems
}
