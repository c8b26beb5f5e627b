import type { Manifest } from '@latchgate/catalogue'
import type { ActionDetail, ActionListBody, EgressProfile, JsonObject } from '@latchgate/protocol'
import { type ActionSnapshot, egressProfile } from '../registered-action.js'

/** `GET /v1/actions`: sorted by id (spec/http-api 9.1). */
export function actionList(snapshot: ActionSnapshot): ActionListBody {
  const manifests = [...snapshot.actions.values()].map((entry) => entry.manifest)
  manifests.sort((a, b) => (a.action_id < b.action_id ? -1 : 1))
  return {
    actions: manifests.map(({ action_id, version, risk_level, description }) => ({
      action_id,
      version,
      risk_level,
      description,
    })),
  }
}

/** `GET /v1/actions/{action_id}` (spec/http-api 9.2), with the safe additions of 14.6. */
export function actionDetail(snapshot: ActionSnapshot, actionId: string): ActionDetail | undefined {
  const entry = snapshot.actions.get(actionId)
  if (entry === undefined) return undefined
  const { manifest } = entry
  return {
    action_id: manifest.action_id,
    version: manifest.version,
    description: manifest.description,
    provider_module_digest: manifest.provider,
    provider_module_sha256: entry.moduleDigest,
    action_digest: entry.actionDigest,
    risk_level: manifest.risk_level,
    resource_limits: { ...manifest.limits },
    io: {
      max_request_bytes: manifest.io.max_request_bytes,
      max_response_bytes: manifest.io.max_response_bytes,
      has_request_schema:
        manifest.io.request_schema !== undefined && manifest.io.request_schema !== null,
      has_response_schema:
        manifest.io.response_schema !== undefined && manifest.io.response_schema !== null,
    },
    egress: shownEgress(manifest),
    declared_side_effects: manifest.declared_side_effects,
    required_scopes: manifest.required_scopes,
  }
}

/** Where an action may connect to, in both forms that clients read (spec/http-api 14.6). */
export function shownEgress(manifest: Manifest): EgressProfile {
  const profile = egressProfile(manifest)
  if (profile === 'none') return 'none'
  const { allowed_domains } = manifest.egress
  return { ...profile, profile: 'proxy_allowlist', allowed_domains }
}

/** `GET /v1/actions/{action_id}/schema/request`: the schema as it is, when there is one. */
export function requestSchema(snapshot: ActionSnapshot, actionId: string): JsonObject | undefined {
  const schema = snapshot.actions.get(actionId)?.manifest.io.request_schema
  return typeof schema === 'object' && schema !== null ? (schema as JsonObject) : undefined
}
