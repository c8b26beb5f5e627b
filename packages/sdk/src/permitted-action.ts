import { type EgressProfile, egressProfileFromJson } from './egress-profile.js'
import { LatchGateTransportError } from './errors.js'
import {
  type GateAnswer,
  isMembers,
  type Members,
  optionalText,
  requiredText,
  successBody,
} from './gate-answer.js'

/** An action that policy does not refuse this agent, with what is needed to call it. */
export interface PermittedAction {
  /** What `execute` takes. */
  readonly actionId: string
  /** Version of the manifest, `0.0.0` when it names none. */
  readonly version: string
  /** For humans and models; may be empty. */
  readonly description: string
  /** `low`, `medium`, `high` or `critical`. */
  readonly riskLevel: string
  /** What its manifest declares, such as `http_read`; what ends in `_read` changes nothing. */
  readonly declaredSideEffects: readonly string[]
  /** What it may reach. */
  readonly egress: EgressProfile
  /** `required`: a human decides, whatever the parameters. `none`: parameters may still take one. */
  readonly approval: 'none' | 'required'
  /** JSON Schema 2020-12 of the parameters; null: any object. */
  readonly requestSchema: Members | null
}

/** Reads `GET /v1/permitted-actions`. */
export function permittedActions(answer: GateAnswer): readonly PermittedAction[] {
  const { actions } = successBody(answer, 'permitted actions')
  if (!Array.isArray(actions) || !actions.every(isMembers)) {
    throw new LatchGateTransportError('missing actions in permitted actions response')
  }
  return actions.map((entry) => {
    const effects = entry['declared_side_effects']
    const schema = entry['request_schema']
    return {
      actionId: requiredText(entry, 'action_id', 'permitted actions'),
      version: optionalText(entry, 'version') ?? '0.0.0',
      description: optionalText(entry, 'description') ?? '',
      riskLevel: optionalText(entry, 'risk_level') ?? 'unknown',
      declaredSideEffects: Array.isArray(effects)
        ? effects.filter((one) => typeof one === 'string')
        : [],
      egress: egressProfileFromJson(entry['egress']),
      // A word that this client does not know must not read as "no human needed".
      approval: entry['approval'] === 'none' ? 'none' : 'required',
      requestSchema: isMembers(schema) ? schema : null,
    }
  })
}
