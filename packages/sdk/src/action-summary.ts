import { LatchGateTransportError } from './errors.js'
import {
  type GateAnswer,
  isMembers,
  optionalText,
  requiredText,
  successBody,
} from './gate-answer.js'

/** One line of the catalogue (spec/http-api 9.1). */
export interface ActionSummary {
  /** What `execute` takes. */
  readonly actionId: string
  /** Version of the manifest, `0.0.0` when it names none. */
  readonly version: string
  /** `low`, `medium`, `high` or `critical`. */
  readonly riskLevel: string
  /** For humans; null when the manifest has none. */
  readonly description: string | null
  /** `strict`, `parameterized` or `hybrid`; null for actions that are not about a database. */
  readonly databaseMode: string | null
}

/** Reads `GET /v1/actions`. */
export function actionSummaries(answer: GateAnswer): readonly ActionSummary[] {
  const { actions } = successBody(answer, 'actions')
  if (!Array.isArray(actions) || !actions.every(isMembers)) {
    throw new LatchGateTransportError('missing actions in actions response')
  }
  return actions.map((entry) => ({
    actionId: requiredText(entry, 'action_id', 'actions'),
    version: optionalText(entry, 'version') ?? '0.0.0',
    riskLevel: optionalText(entry, 'risk_level') ?? 'unknown',
    description: optionalText(entry, 'description'),
    databaseMode: optionalText(entry, 'database_mode'),
  }))
}
