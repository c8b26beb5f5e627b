import type {
  DrainBody,
  IntentsBody,
  JwksBody,
  LeaseJwk,
  LeaseRequest,
  LeaseResponse,
  OpenIntent,
  P256Jwk,
  ReadyBody,
  ReceiptKeyEntry,
  ReceiptKeysBody,
  StatusBody,
} from '@latchgate/protocol'
import { MAX_SCOPES } from '../../../src/http/lease-request.js'
import {
  boolean,
  constant,
  count,
  hex,
  list,
  moment,
  nullable,
  object,
  oneOf,
  optional,
  ref,
  type Schema,
  text,
  uuid,
} from '../schema.js'

const COORDINATE = text('32 bytes, base64url.', { pattern: '^[A-Za-z0-9_-]{43}$' })

// Members that are not looked at are let through in these two, as published clients send them.
const P256_JWK: Schema = {
  ...object<P256Jwk>({
    kty: constant('EC'),
    crv: constant('P-256'),
    x: COORDINATE,
    y: COORDINATE,
  }),
  description: 'The public key that the lease is bound to. A private key (`d`) is refused.',
  additionalProperties: true,
}

const BUDGETS: Schema = {
  ...object<NonNullable<LeaseRequest['budgets']>>({
    max_calls: optional(nullable(count('Calls of the session; null for no limit.'))),
    max_cost_usd_cents: optional(nullable({ description: 'Accepted, without effect.' })),
  }),
  description: "The agent's own seat belt: an operator's quota holds whatever is asked for here.",
  additionalProperties: true,
}

/** Health, leases, keys, and what an operator sees of the running gate. */
export const GATE_SCHEMAS: Readonly<Record<string, Schema>> = {
  Health: object<{ status: 'ok' }>({ status: constant('ok') }),
  Ready: object<ReadyBody>(
    {
      status: oneOf({ ready: true, degraded: true, not_ready: true }),
      redis: boolean('The state (proofs seen, rates) can be used, whatever keeps it.'),
      opa: boolean('The policy can be evaluated, whatever evaluates it.'),
      ledger: boolean('Records can be written.'),
      approval_store: boolean(),
      egress_proxy: nullable(boolean('Always null: the gate connects by itself.')),
      actions_registered: count(),
    },
    'The names of the members are those of the published interface, whatever the backend.',
  ),
  LeaseRequest: object<LeaseRequest>({
    scopes: list(
      text(undefined, { description: 'A scope: `noun:verb`.' }),
      'Those that the principal may not have are left out of the lease without a word.',
      { minItems: 1, maxItems: MAX_SCOPES },
    ),
    dpop_jwk: P256_JWK,
    budgets: optional(nullable(BUDGETS)),
    fs_root: optional(
      nullable(text('Absolute directory to which file actions of the session are confined.')),
    ),
  }),
  LeaseResponse: object<LeaseResponse>({
    lease_jwt: text('The lease: a JWT, signed by a key of `/.well-known/jwks.json`.'),
    session_id: uuid('Names the session; a renewal keeps it.'),
    lease_jti: uuid('Names this lease, as a revocation does.'),
    expires_at: moment('Renew before it, or up to an hour after.'),
    fs_root: optional(text()),
  }),
  Jwks: object<JwksBody>({
    keys: list(
      object<LeaseJwk>({
        kty: constant('EC'),
        crv: constant('P-256'),
        kid: text(),
        use: constant('sig'),
        alg: constant('ES256'),
        x: COORDINATE,
        y: COORDINATE,
      }),
    ),
  }),
  ReceiptKeys: object<ReceiptKeysBody>({
    keys: list(
      object<ReceiptKeyEntry>({
        kid: hex(8, 'The first 16 digits of `x_hex`: `signing_key_id` of a receipt.'),
        x_hex: hex(32, 'The Ed25519 public key.'),
        x: text('The same key, base64url.', { pattern: '^[A-Za-z0-9_-]{43}$' }),
        kty: constant('OKP'),
        crv: constant('Ed25519'),
        alg: constant('EdDSA'),
        added_at: moment(),
        use: constant('sig'),
      }),
    ),
  }),
  Status: object<StatusBody>({
    status: oneOf({ ok: true, degraded: true, draining: true }),
    version: text('Of the gate.'),
    uptime_seconds: count(),
    actions_registered: count(),
    pending_approvals: count(),
    revocation_epoch: count('Grows by one with every revocation of all leases.'),
    draining: boolean(),
    in_flight_executions: count(),
    unknown_intents: optional(count('Executions whose outcome nobody knows.')),
    dependencies: object<StatusBody['dependencies']>({
      redis: boolean(),
      opa: boolean(),
      ledger: optional(boolean()),
    }),
    webhooks: object<StatusBody['webhooks']>({ active: boolean(), pending_deliveries: count() }),
  }),
  Drain: object<DrainBody>({
    draining: boolean('No call is begun.'),
    already_draining: boolean('It was so before this request.'),
    in_flight_executions: count('Calls that were begun and have not ended.'),
  }),
  Intents: object<IntentsBody>({ intents: list(ref('OpenIntent')) }),
  OpenIntent: object<OpenIntent>({
    intent_id: uuid('The grant that was used up.'),
    trace_id: uuid('Of the call.'),
    principal: text(),
    action_id: text(),
    target: text('Method and URL.'),
    dispatched_at: moment(),
    outcome: text(
      '`open` while it may still run; `unknown` when nobody will ever report its outcome.',
    ),
  }),
}
