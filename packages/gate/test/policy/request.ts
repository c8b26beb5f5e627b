import type { JsonObject } from '@latchgate/protocol'
import type { PolicyInput } from '../../src/policy/engine.js'

/** A request of `agent:billing` that violates no row. */
export const request: PolicyInput = {
  principal: 'agent:billing',
  session_id: '0198c0de-1111-7000-8000-00000000000a',
  scopes: ['tools:call'],
  required_scopes: ['tools:call'],
  action_id: 'http_post',
  action_version: '1.0.0',
  action_risk_level: 'medium',
  action_trust_verdict: 'digest_ok',
  request_hash: 'sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b',
  requested_sinks: ['http_write'],
  requested_secrets: ['API_TOKEN'],
  egress_profile: { proxy_allowlist: { allowed_domains: ['api.example.com'] } },
  budgets_before: { calls_remaining: 12 },
  params: { title: 'x' },
  target: { method: 'POST', scheme: 'https', host: 'api.example.com', port: 443, path: '/' },
  time: '2026-01-01T00:00:00.000Z',
  owner: null,
  identity_method: 'peercred',
  session: { calls: 12 },
  approved: false,
}

/** Entries of every shape that a valid document can have. */
export const acl: JsonObject = {
  '*': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] },
  'agent:billing': { allowed_actions: ['http_post'], allowed_sinks: ['http_write'] },
  'agent:heir': {
    allowed_actions: ['http_post'],
    allowed_sinks: ['http_write'],
    inherits_wildcard: true,
  },
  'agent:revoked': { allowed_actions: [], allowed_sinks: [] },
}

/** A valid data document. */
export const data: JsonObject = { policy_version: 'team-12', acl }

/** The document with bypasses or rules. */
export function dataWith(latchgate: JsonObject): JsonObject {
  return { ...data, latchgate }
}
