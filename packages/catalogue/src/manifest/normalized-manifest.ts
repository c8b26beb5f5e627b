import type { Json, JsonObject } from '@latchgate/protocol'
import type { Manifest, SecretBinding, Template } from './manifest.js'

/**
 * The whole manifest as JSON, every default filled in, schemas, verification and secrets included. Its
 * digest (SHA-256 of the JCS form) is the action's: two manifests that behave differently never share
 * one.
 */
export function normalizedManifest(manifest: Manifest): JsonObject {
  const { limits, verifier, io, egress, template, cost_usd_cents } = manifest
  return {
    action_id: manifest.action_id,
    version: manifest.version,
    description: manifest.description,
    provider_module_digest: manifest.provider,
    required_imports: manifest.required_imports,
    resource_limits: { ...limits },
    verifier_kind: verifier.kind,
    verification_config: {
      expected_status: verifier.expected_status,
      required_fields: verifier.required_fields,
    },
    io: {
      request_schema: io.request_schema ?? null,
      response_schema: io.response_schema ?? null,
      max_request_bytes: io.max_request_bytes,
      max_response_bytes: io.max_response_bytes,
    },
    egress: { ...egress },
    secrets: manifest.secrets.map(normalizedSecret),
    risk_level: manifest.risk_level,
    declared_side_effects: manifest.declared_side_effects,
    required_scopes: manifest.required_scopes,
    template: template === null ? null : normalizedTemplate(template),
    // Only where there is one: a manifest that does not know of costs keeps its digest.
    ...(cost_usd_cents === 0 ? {} : { cost_usd_cents }),
    tags: manifest.tags,
  }
}

function normalizedSecret({ name, required, inject, to }: SecretBinding): Json {
  return { name, required, inject: { ...inject }, to }
}

function normalizedTemplate({ body_template, ...rest }: Template): Json {
  return { ...rest, ...(body_template === undefined ? {} : { body_template }) }
}
