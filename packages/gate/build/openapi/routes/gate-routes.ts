import { MAX_IDENTITY_TOKEN_LENGTH } from '../../../src/auth/identity-token.js'
import { MAX_BODY_BYTES } from '../../../src/pipeline/admit.js'
import { RECORDS } from '../errors.js'
import type { RouteDocumentation } from '../route-documentation.js'
import { ref } from '../schema.js'

const ANYBODY = { client: 'none', admin: 'none' } as const

/** Whether the gate is there, its public keys, and leases. */
export const GATE_ROUTES: readonly RouteDocumentation[] = [
  {
    method: 'GET',
    path: '/healthz',
    operationId: 'getHealth',
    summary: 'Is the process there?',
    description: 'Answers as long as the gate listens; says nothing about what it depends on.',
    tag: 'gate',
    access: ANYBODY,
    success: { 200: { description: 'It is.', schema: ref('Health') } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/readyz',
    operationId: 'getReadiness',
    summary: 'Can the gate take calls?',
    description:
      'Looks at the state, the policy and the ledger. A drain does not change it: see `GET /v1/admin/status`.',
    tag: 'gate',
    access: ANYBODY,
    success: {
      200: { description: 'It can.', schema: ref('Ready') },
      503: { description: 'It cannot; `false` says for want of what.', schema: ref('Ready') },
    },
    errors: [],
  },
  {
    method: 'GET',
    path: '/.well-known/jwks.json',
    operationId: 'getLeaseKeys',
    summary: 'The keys that sign leases',
    description: 'A JWK Set (RFC 7517). Other gates with the same key accept the same leases.',
    tag: 'gate',
    access: ANYBODY,
    success: { 200: { description: 'The keys.', schema: ref('Jwks') } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/v1/receipt-keys',
    operationId: 'getReceiptKeys',
    summary: 'The keys that sign, or have signed, receipts',
    description:
      'An auditor who does not trust the gate gets these keys elsewhere, and compares them.',
    tag: 'receipts',
    access: ANYBODY,
    success: { 200: { description: 'The keys.', schema: ref('ReceiptKeys') } },
    errors: [],
  },
  {
    method: 'POST',
    path: '/v1/leases',
    operationId: 'takeLease',
    summary: 'Take a lease, or renew one',
    description:
      'A lease binds a principal, its scopes and a session to a key of the agent. Who asks is known by the credential that is presented: a proof alone by a registered key, or a token of an issuer in `Authorization: Bearer`, each good for one session; one that fails is refused. Without any it is the connection: on a Unix socket the kernel names the user. With the old lease in `Authorization: DPoP` and a proof by the same key it is a renewal, and keeps the session and its budget; without, it is a new session. docs/identity.md tells the rest.',
    tag: 'leases',
    access: { client: 'renewal', admin: 'renewal' },
    headers: {
      'X-LatchGate-Agent': {
        schema: {
          type: 'string',
          pattern: '^[\\x21-\\x7e]{1,64}$',
          description: 'What the agent calls itself, for the record; never an identity.',
        },
      },
      'X-LatchGate-Identity-Token': {
        schema: {
          type: 'string',
          maxLength: MAX_IDENTITY_TOKEN_LENGTH,
          description:
            'With a renewal of a session that a token opened: a fresh token of the same issuer and principal. Needed once the former one has expired; checked, and used up, whenever it is sent.',
        },
      },
    },
    body: {
      schema: ref('LeaseRequest'),
      description: 'The public key, and what the session asks for.',
      required: true,
      type: 'json',
    },
    success: { 200: { description: 'The lease.', schema: ref('LeaseResponse') } },
    errors: [
      ...RECORDS,
      'draining',
      { code: 'invalid_request', status: 400 },
      'invalid_fs_root',
      'fs_root_denied',
      'scope_not_permitted',
      'identity_provider_unavailable',
    ],
  },
]

/** Largest body of any request, for the description of those that read one. */
export const LARGEST_BODY: string = `${MAX_BODY_BYTES} bytes`
