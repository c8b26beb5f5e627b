import type {
  ActionDetail,
  ActionListBody,
  ActionSummary,
  EffectBody,
  EgressProfile,
  ExecuteResponse,
  LogPosition,
  NormalizedResult,
  PendingResponse,
  PermittedAction,
  PermittedActionsBody,
  ReceiptBody,
  ResourceLimits,
  VerificationOutcome,
  VerificationStatus,
} from '@latchgate/protocol'
import { EXECUTION_ERRORS } from '@latchgate/protocol'
import {
  anyOf,
  boolean,
  constant,
  count,
  digest,
  hex,
  integer,
  list,
  type Members,
  moment,
  nullable,
  object,
  oneOf,
  openObject,
  optional,
  ref,
  type Schema,
  text,
  uuid,
} from '../schema.js'

type Status = VerificationOutcome['status']

function withStatus<S extends Status>(
  status: S,
  others: Members<Omit<Extract<VerificationOutcome, { status: S }>, 'status'>>,
): Schema {
  return object<{ status: S }>({ status: constant(status), ...others } as Members<{ status: S }>)
}

function withKind<K extends NormalizedResult['kind']>(
  kind: K,
  others: Members<Omit<Extract<NormalizedResult, { kind: K }>, 'kind'>>,
): Schema {
  return object<{ kind: K }>({ kind: constant(kind), ...others } as Members<{ kind: K }>)
}

/** The answer of an execution; `approve` adds to it. */
export const EXECUTED: Members<ExecuteResponse> = {
  decision: constant('executed'),
  trace_id: uuid('Names the call in every record of it.'),
  action_id: text(),
  grant_id: uuid('What was used up: it begins at most once.'),
  receipt_id: uuid('`GET /v1/receipts/{receipt_id}`.'),
  output: openObject(
    'What the provider returned. `ok` is false when the upstream did not do what was asked: look at it before anything else.',
    { ok: boolean() },
  ),
  verification_outcome: ref('VerificationStatus'),
  verification: object<ExecuteResponse['verification']>({
    outcome: ref('VerificationStatus'),
    is_fully_successful: boolean('The effect happened, as far as it can be verified.'),
  }),
  runtime: object<ExecuteResponse['runtime']>({
    duration_ms: count(),
    exit_code: integer(),
    fuel_consumed: count('Instructions as the sandbox charges them.'),
  }),
  session_seq: optional(count('Position in the session, without gaps.')),
  log: optional(ref('LogPosition')),
}

/** What actions are, and what they answer. */
export const EXECUTION_SCHEMAS: Readonly<Record<string, Schema>> = {
  RiskLevel: oneOf(
    { low: true, medium: true, high: true, critical: true },
    'How much harm an action can do.',
  ),
  ActionList: object<ActionListBody>({ actions: list(ref('ActionSummary'), 'Sorted by id.') }),
  ActionSummary: object<ActionSummary>({
    action_id: text(),
    version: text(),
    risk_level: ref('RiskLevel'),
    description: optional(text()),
    database_mode: optional(oneOf({ strict: true, parameterized: true, hybrid: true })),
  }),
  PermittedActions: object<PermittedActionsBody>({
    policy_version: nullable(text()),
    actions: list(ref('PermittedAction'), 'Sorted by id.'),
  }),
  PermittedAction: object<PermittedAction>({
    action_id: text(),
    version: text(),
    description: text(),
    risk_level: ref('RiskLevel'),
    declared_side_effects: list(text()),
    egress: ref('EgressProfile'),
    approval: oneOf(
      { none: true, required: true },
      '`required`: a human decides, whatever the parameters. `none`: parameters may still take one.',
    ),
    request_schema: nullable(openObject('JSON Schema of the parameters.')),
  }),
  ActionDetail: object<ActionDetail>({
    action_id: text(),
    version: text(),
    description: optional(text()),
    provider_module_digest: text('`builtin:<name>` or `sha256:<hex>`, as the manifest says.'),
    provider_module_sha256: optional(digest('Of the module that runs, also for a built-in one.')),
    action_digest: optional(digest('Of the manifest.')),
    risk_level: ref('RiskLevel'),
    resource_limits: object<ResourceLimits>({
      fuel: count('Instructions as the sandbox charges them.'),
      memory_mb: count('MiB.'),
      timeout_seconds: count(),
      max_io_calls: count(),
      max_host_response_bytes: count('Of one decoded upstream body.'),
    }),
    io: object<ActionDetail['io']>({
      max_request_bytes: count(),
      max_response_bytes: count(),
      has_request_schema: boolean(),
      has_response_schema: boolean(),
    }),
    egress: nullable(ref('EgressProfile')),
    declared_side_effects: list(text()),
    required_scopes: optional(list(text())),
    database: optional(openObject('Of actions on databases.')),
  }),
  EgressProfile: anyOf(
    [
      constant('none'),
      object<Exclude<EgressProfile, 'none'>>({
        proxy_allowlist: object<{ allowed_domains: readonly string[] }>({
          allowed_domains: list(text()),
        }),
        profile: optional(constant('proxy_allowlist')),
        allowed_domains: optional(list(text())),
      }),
    ],
    'Where an action may connect to.',
  ),
  VerificationStatus: oneOf<VerificationStatus>(
    {
      verified: true,
      verification_failed: true,
      unverifiable_declared: true,
      provider_failed_before_verification: true,
      skipped: true,
    },
    'What became of the check of the effect.',
  ),
  LogPosition: object<LogPosition>(
    { index: count(), size: count() },
    'Where the record is in the log, and how long the log was then; not signed.',
  ),
  ExecuteResponse: object<ExecuteResponse>(EXECUTED),
  PendingResponse: object<PendingResponse>(
    {
      decision: constant('pending_approval'),
      approval_id: uuid('What to poll, or to wait for.'),
      request_hash: digest('Of the body as it was sent.'),
      trace_id: uuid(),
    },
    'An operator has to decide. An identical call that waits already answers with its approval.',
  ),
  Receipt: object<ReceiptBody>({
    v: constant(1),
    receipt_id: uuid(),
    grant_id: uuid(),
    trace_id: uuid(),
    session_id: uuid(),
    session_seq: count(),
    lease_jti: uuid(),
    principal: text(),
    owner: optional(text()),
    agent_label: optional(text('What the agent calls itself: a label, never an identity.')),
    action_id: text(),
    action_version: text(),
    action_digest: digest(),
    provider_module_digest: text(),
    provider_module_sha256: digest(),
    request_hash: digest('Of the body as it was sent.'),
    arguments_hash: digest('Of the arguments, defaults applied.'),
    policy: object<ReceiptBody['policy']>({
      version: nullable(text()),
      digest: nullable(text()),
    }),
    provider_receipt: object<ReceiptBody['provider_receipt']>({
      ok: boolean(),
      status_code: nullable(integer()),
      content_type: nullable(text()),
      body_sha256: nullable(text()),
      body_bytes: nullable(count()),
    }),
    output: nullable(
      object<NonNullable<ReceiptBody['output']>>(
        { hash: text(), bytes: count() },
        'A salted commitment to the output, which is kept apart and erased.',
      ),
    ),
    normalized_result: anyOf([
      withKind('success', { summary: text() }),
      withKind('provider_failure', { reason: text() }),
      withKind('timeout', {}),
      withKind('cancelled', {}),
      withKind('internal_error', { reason: text() }),
    ]),
    verification_outcome: anyOf([
      withStatus('verified', { evidence: { description: 'What was compared.' } }),
      withStatus('verification_failed', { reason: text() }),
      withStatus('unverifiable_declared', {}),
      withStatus('provider_failed_before_verification', {}),
      withStatus('skipped', {}),
    ]),
    effect_evidence: list({ description: 'Further evidence.' }),
    effects: list(ref('Effect'), 'Every request that the execution made, before secrets went in.'),
    outcome: ref('EffectOutcome'),
    error_type: nullable(text(undefined, { enum: Object.keys(EXECUTION_ERRORS) })),
    failure_class: nullable(
      oneOf<NonNullable<ReceiptBody['failure_class']>>({
        provider_error: true,
        timeout: true,
        policy_violation: true,
        verification_failed: true,
        cancelled: true,
        internal_error: true,
      }),
    ),
    runtime: object<ReceiptBody['runtime']>({
      duration_ms: count(),
      exit_code: integer(),
      fuel_consumed: count(),
      io_calls: count(),
    }),
    approval: optional(openObject('Of an approved call: the plan, and who decided.')),
    result_hash: hex(32),
    started_at: moment(),
    finished_at: moment(),
    signing_key_id: hex(8, '`kid` of a key of `GET /v1/receipt-keys`.'),
    receipt_signature: hex(64, 'Ed25519, over everything but these last members.'),
    signature_status: optional(
      oneOf<NonNullable<ReceiptBody['signature_status']>>(
        {
          valid: true,
          invalid: true,
          missing_signature: true,
          missing_key_id: true,
          unknown_key_id: true,
          malformed_signature: true,
        },
        "The gate's own check on this read; an auditor makes his own.",
      ),
    ),
    log_index: optional(count('Index of its record in the log; not signed.')),
  }),
  Effect: object<EffectBody>({
    import: text('The host function that was used.'),
    method: text(),
    url: text(),
    header_names: list(text()),
    body_sha256: nullable(text()),
    body_bytes: count(),
    secrets: list(
      object<EffectBody['secrets'][number]>({ name: text(), into: text() }),
      'Names of the secrets that went in, and where; never a value.',
    ),
    address: nullable(text('The address that was connected to.')),
    certificate_sha256: nullable(text()),
    status: nullable(integer()),
    response_sha256: nullable(text()),
    response_bytes: nullable(count()),
    outcome: ref('EffectOutcome'),
    scrubbed: boolean('A secret was found in the response, and removed.'),
  }),
}
