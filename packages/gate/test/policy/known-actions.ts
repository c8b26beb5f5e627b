import type { Manifest } from '@latchgate/catalogue'
import { loadBuiltinManifests } from '@latchgate/catalogue/node'
import type { KnownActions } from '../../src/policy/policy-edit.js'

/** The actions of the catalogue. */
export const builtin: KnownActions = new Map(
  loadBuiltinManifests().map((manifest) => [manifest.action_id, { manifest }]),
)

const [template] = loadBuiltinManifests()

/** Actions with these sinks; `high…` are of high risk. */
export function actionsOf(sinks: Readonly<Record<string, readonly string[]>>): KnownActions {
  if (template === undefined) throw new Error('the catalogue is empty')
  return new Map(
    Object.entries(sinks).map(([action_id, declared_side_effects]) => {
      const risk_level = action_id.startsWith('high') ? 'high' : 'low'
      const manifest: Manifest = { ...template, action_id, declared_side_effects, risk_level }
      return [action_id, { manifest }]
    }),
  )
}
