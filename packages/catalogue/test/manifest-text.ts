import type { JsonObject } from '@latchgate/protocol'
import { type Manifest, type ManifestProblem, parseManifest } from '../src/index.js'

const DIGEST = `sha256:${'a'.repeat(64)}`

/** Providers that the manifests of the tests may name. */
export const PROVIDERS: readonly string[] = ['builtin:http_api', DIGEST]

/** A manifest without any problem, as the YAML would read: a low-risk read with one parameter. */
export const PLAIN: JsonObject = {
  action_id: 'ticket_read',
  version: '1.0.0',
  provider_module_digest: 'builtin:http_api',
  required_imports: ['latchgate:io/http', 'latchgate:io/log'],
  risk_level: 'low',
  declared_side_effects: ['http_read'],
  verifier_kind: 'http_status',
  egress: { profile: 'proxy_allowlist', allowed_domains: ['tickets.example.com'] },
  template: { method: 'GET', url_template: 'https://tickets.example.com/api/{{id}}' },
  io: { request_schema: schema({ id: { type: 'string' } }, ['id']) },
}

/** A request schema with these properties, all of them required unless a list says which. */
export function schema(properties: JsonObject, required?: readonly string[]): JsonObject {
  return {
    type: 'object',
    additionalProperties: false,
    required: required ?? Object.keys(properties),
    properties,
  }
}

/** The text of `PLAIN` with members replaced; JSON is YAML. */
export function manifestText(change: JsonObject): string {
  return JSON.stringify({ ...PLAIN, ...change })
}

/** `PLAIN` with members replaced; throws when that has problems. */
export function manifest(change: JsonObject): Manifest {
  const parsed = parseManifest(manifestText(change), 'test.yaml', { providers: PROVIDERS })
  if (parsed.ok) return parsed.value
  throw new Error(JSON.stringify(parsed.error, null, 2))
}

/** What is wrong with `PLAIN` after a change. */
export function problemsOf(change: JsonObject): readonly ManifestProblem[] {
  const parsed = parseManifest(manifestText(change), 'test.yaml', { providers: PROVIDERS })
  return parsed.ok ? [] : parsed.error
}

/** A manifest with this template and these parameters; hosts under example.com are allowed. */
export function templated(
  template: JsonObject,
  properties: JsonObject,
  required?: readonly string[],
  more: JsonObject = {},
): Manifest {
  const { method = 'GET' } = template
  return manifest({
    declared_side_effects:
      method === 'GET' ? ['http_read'] : [method === 'DELETE' ? 'http_delete' : 'http_write'],
    risk_level: method === 'GET' ? 'low' : 'medium',
    egress: { profile: 'proxy_allowlist', allowed_domains: ['example.com', '*.example.com'] },
    template: { method, ...template },
    io: { request_schema: schema(properties, required), max_request_bytes: 1_048_576 },
    ...more,
  })
}
