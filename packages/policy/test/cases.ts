/** Data documents and inputs whose product is evaluated by every engine that has to agree. */

interface Document {
  readonly policy_version: string
  readonly acl: Readonly<Record<string, unknown>>
  readonly latchgate: {
    readonly allowlist: Readonly<Record<string, Readonly<Record<string, boolean>>>>
    readonly require_approval: Readonly<Record<string, Readonly<Record<string, boolean>>>>
    readonly quorum?: Readonly<Record<string, Readonly<Record<string, number>>>>
  }
}

const wildcard = { allowed_actions: ['read'], allowed_sinks: ['http_read'] }
const own = { allowed_actions: ['write', 'read'], allowed_sinks: ['http_write'] }
const none = { allowlist: {}, require_approval: {} }

/** ACLs with every shape of entry, and the bypass and tightening lists. */
export const documents: readonly Document[] = [
  { policy_version: 'v1', acl: { '*': wildcard, 'agent:a': own }, latchgate: none },
  {
    policy_version: 'v2',
    acl: { '*': wildcard, 'agent:a': { ...own, inherits_wildcard: true } },
    latchgate: { allowlist: { write: { 'agent:a': true } }, require_approval: {} },
  },
  {
    policy_version: 'v3',
    acl: { '*': wildcard, 'agent:a': { allowed_actions: [], allowed_sinks: [] } },
    latchgate: none,
  },
  {
    policy_version: 'v4',
    acl: {
      'agent:a': { ...own, inherits_wildcard: 'yes' },
      'agent:b': { allowed_actions: ['read'] },
    },
    latchgate: none,
  },
  {
    policy_version: 'v5',
    acl: { '*': { ...wildcard, allowed_sinks: ['http_read', 'http_write'] }, 'agent:a': own },
    latchgate: {
      allowlist: { read: { 'agent:b': false } },
      require_approval: { read: { '*': true }, write: { 'agent:a': true } },
      quorum: { '*': { '*': 2 }, write: { 'agent:a': 3, '*': 1 }, read: { '*': 1 } },
    },
  },
]

const request = {
  principal: 'agent:a',
  session_id: '0198c0de-1111-7000-8000-00000000000a',
  scopes: ['tools:call'],
  required_scopes: ['tools:call'],
  action_id: 'write',
  action_version: '1.0.0',
  action_risk_level: 'medium',
  action_trust_verdict: 'digest_ok',
  request_hash: `sha256:${'0'.repeat(64)}`,
  requested_sinks: ['http_write'],
  requested_secrets: ['API_TOKEN'],
  egress_profile: { proxy_allowlist: { allowed_domains: ['api.example.com'] } },
  budgets_before: { calls_remaining: 12 },
  params: { title: 'Grüße "an" \\ alle' },
  target: { method: 'POST', scheme: 'https', host: 'api.example.com', port: 443, path: '/' },
  time: '2026-01-01T00:00:00.000Z',
  owner: null,
  identity_method: 'peercred',
  session: { calls: 12 },
  approved: false,
}

const changes: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { action_id: 'read', requested_sinks: ['http_read'] },
  { action_id: 'read', requested_sinks: [] },
  { action_trust_verdict: 'not_registered' },
  { action_trust_verdict: { digest_mismatch: { expected: 'sha256:a', actual: 'sha256:b' } } },
  { scopes: [] },
  { scopes: ['b', 'a'] },
  { required_scopes: ['tools:call', 'z', 'é', 'a', 'z'] },
  { budgets_before: { calls_remaining: 0 } },
  { budgets_before: { calls_remaining: 9007199254740991 } },
  { requested_sinks: ['smtp', 'http_read', 'http_write', 'a b'] },
  { action_risk_level: 'low', unresolved_domains: ['new.example.net', 'other.example.net'] },
  { action_risk_level: 'high' },
  { action_risk_level: 'critical', unresolved_domains: ['new.example.net'] },
  { action_risk_level: 'critical', approved: true },
  { action_risk_level: 'unheard of' },
  { action_category: 'fs', fs_path: 'app/.env' },
  { action_category: 'fs', fs_path: 'SECRETS/x', unresolved_paths: ['SECRETS/x'] },
  { action_category: 'fs', fs_path: 'notes/a.md' },
]

/** Inputs: the whole request with some members replaced, as three principals, and an empty one. */
export const requests: readonly Readonly<Record<string, unknown>>[] = [
  ...['agent:a', 'agent:b', '*'].flatMap((principal) =>
    changes.map((change) => ({ ...request, principal, ...change })),
  ),
  {},
]
