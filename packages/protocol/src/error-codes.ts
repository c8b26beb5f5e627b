/** What the one table says about a code. */
export interface ErrorCodeEntry {
  /** HTTP status. A route may answer another one where the specification says so. */
  readonly status: number
  /** One sentence for a human: the default `message`. It names nothing of the request. */
  readonly meaning: string
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds?: number
}

/** Every error code of the wire (http-api 4.6, design 3 and 14): `{"error": code, …}`. */
export const ERROR_CODES = {
  // 400: the request
  bad_request: { status: 400, meaning: 'The request is not acceptable.' },
  empty_actions: { status: 400, meaning: 'The list of actions is empty.' },
  invalid_action_id: { status: 400, meaning: 'This is not an action id.' },
  invalid_domain: { status: 400, meaning: 'This is not a domain that can be allowed.' },
  invalid_fs_root: { status: 400, meaning: 'The fs_root is not an absolute path of a directory.' },
  invalid_input: { status: 400, meaning: 'A member of the body has an unacceptable value.' },
  invalid_json: { status: 400, meaning: 'The body is not JSON.' },
  invalid_path_glob: { status: 400, meaning: 'This is not a path pattern that can be allowed.' },
  invalid_principal: { status: 400, meaning: 'This is not a principal.' },
  too_many_actions: { status: 400, meaning: 'The list of actions is too long.' },
  unknown_action: { status: 400, meaning: 'The policy cannot name an action that does not exist.' },

  attestation_invalid: {
    status: 400,
    meaning: "The attestation is not a decision signed by this operator's key.",
  },

  // 401: who is asking
  identity_unauthenticated: {
    status: 401,
    meaning: 'This connection carries no identity that the gate accepts.',
  },
  invalid_auth_scheme: { status: 401, meaning: 'The Authorization scheme must be DPoP.' },
  invalid_dpop: { status: 401, meaning: 'The DPoP proof does not verify.' },
  invalid_lease: { status: 401, meaning: 'The lease does not verify; request a new one.' },
  invalid_operator_token: { status: 401, meaning: 'No operator has this key.' },
  key_binding_failed: {
    status: 401,
    meaning: 'The proof is by another key than the registered one.',
  },
  lease_expired: { status: 401, meaning: 'The lease has expired; renew it and repeat the call.' },
  lease_revoked: { status: 401, meaning: 'The lease has been revoked.' },
  missing_auth_header: { status: 401, meaning: 'The Authorization or the DPoP header is missing.' },
  missing_dpop_header: { status: 401, meaning: 'The DPoP header is missing.' },
  operator_auth_not_configured: { status: 401, meaning: 'This gate has no operators.' },
  replay_detected: {
    status: 401,
    meaning: 'This proof has been used; sign one for every request.',
  },
  unauthorized: { status: 401, meaning: 'Operator credentials are missing or do not verify.' },

  // 403: what they may do
  action_digest_mismatch: {
    status: 403,
    meaning: 'The provider of this action is not the one that was registered.',
  },
  action_not_registered: { status: 403, meaning: 'The provider of this action is not registered.' },
  approval_denied: { status: 403, meaning: 'An operator denied this call.' },
  approver_not_eligible: {
    status: 403,
    meaning: 'Who asked for a call may not approve it: another operator must.',
  },
  budget_exhausted: { status: 403, meaning: 'The lease has no calls left.' },
  budget_session_not_found: {
    status: 403,
    meaning: 'The budget of this session no longer exists.',
  },
  fs_root_denied: { status: 403, meaning: 'This fs_root is not allowed.' },
  identity_forbidden: { status: 403, meaning: 'This identity may not act through the gate.' },
  policy_denied: { status: 403, meaning: 'The policy does not allow this call.' },
  quota_exhausted: { status: 403, meaning: "The operator's quota for this principal is used up." },
  scope_not_permitted: { status: 403, meaning: 'None of the requested scopes is permitted.' },

  // 404, 405: what is there
  action_not_found: { status: 404, meaning: 'There is no such action.' },
  allowlist_entry_not_found: { status: 404, meaning: 'There is no such allowlist entry.' },
  approval_not_found: { status: 404, meaning: 'There is no such approval.' },
  not_found: { status: 404, meaning: 'There is nothing here, or nothing that you may see.' },
  principal_not_found: { status: 404, meaning: 'The policy does not name this principal.' },
  method_not_allowed: { status: 405, meaning: 'This method does not exist here; see Allow.' },

  // 409: what has happened meanwhile
  approval_expired: {
    status: 409,
    meaning: 'The approval has expired; the call must be repeated.',
  },
  approval_pending: { status: 409, meaning: 'The approval has no outcome yet.' },
  approval_revoked: { status: 409, meaning: 'The approval was revoked.' },
  attestation_mismatch: {
    status: 409,
    meaning: 'The attestation is for another log, approval, plan or decision.',
  },
  budget_already_initialised: { status: 409, meaning: 'This session already has a budget.' },
  conflict: { status: 409, meaning: 'Somebody else is deciding, or has decided, this.' },
  grant_consumed: { status: 409, meaning: 'This grant has been used; it begins at most once.' },
  idempotency_conflict: {
    status: 409,
    meaning: 'This idempotency key belongs to another request, or to one still running.',
  },
  policy_changed: {
    status: 409,
    meaning: 'The policy is not the one under which the call was held; the call must be repeated.',
  },
  plan_hash_mismatch: { status: 409, meaning: 'The plan is not the one that was shown.' },

  // 413, 415, 422: the body
  request_too_large: { status: 413, meaning: 'The body is larger than 1048576 bytes.' },
  unsupported_media_type: { status: 415, meaning: 'The body must be sent as application/json.' },
  invalid_request: { status: 422, meaning: 'The body does not have the required shape.' },
  schema_violation: { status: 422, meaning: "The parameters do not fit the action's schema." },

  // 429: how often
  operator_throttled: {
    status: 429,
    meaning: 'Too many operator requests; wait and repeat.',
    retryAfterSeconds: 2,
  },
  rate_limit_exceeded: {
    status: 429,
    meaning: 'Too many requests; wait and repeat.',
    retryAfterSeconds: 1,
  },
  rate_limited: {
    status: 429,
    meaning: 'Too many calls; wait and repeat.',
    retryAfterSeconds: 1,
  },
  too_many_pending_approvals: {
    status: 429,
    meaning: 'This principal has as many pending approvals as it may have.',
    retryAfterSeconds: 30,
  },

  // 500, 502, 503: the gate and what it depends on
  evidence_persistence_failed: {
    status: 500,
    meaning: 'The call may have happened, but its receipt could not be stored.',
  },
  internal_error: { status: 500, meaning: 'The gate failed; the log has the cause.' },
  ledger_error: { status: 500, meaning: 'The ledger failed.' },
  policy_read_error: { status: 500, meaning: 'The policy data cannot be read.' },
  policy_write_error: { status: 500, meaning: 'The policy data cannot be written.' },
  reload_failed: { status: 500, meaning: 'The reload failed; nothing has changed.' },
  serialization_error: { status: 500, meaning: 'The answer could not be written.' },
  action_execution_failed: {
    status: 502,
    meaning: 'The call was dispatched and did not end well; the receipt says how.',
  },
  approval_store_unavailable: { status: 503, meaning: 'The approvals are unavailable.' },
  budget_store_unavailable: { status: 503, meaning: 'The budgets are unavailable.' },
  clock_error: { status: 503, meaning: "The gate's clock is wrong, so nothing can be decided." },
  draining: { status: 503, meaning: 'The gate is shutting down.', retryAfterSeconds: 5 },
  identity_provider_unavailable: { status: 503, meaning: 'The identity provider is unavailable.' },
  overloaded: {
    status: 503,
    meaning: 'Too many calls are running; nothing was done.',
    retryAfterSeconds: 1,
  },
  policy_engine_invalid_response: {
    status: 503,
    meaning: 'The policy engine gave an answer that is not a decision.',
  },
  policy_engine_timeout: { status: 503, meaning: 'The policy engine did not answer in time.' },
  policy_engine_unavailable: { status: 503, meaning: 'The policy engine is unavailable.' },
  replay_cache_unavailable: {
    status: 503,
    meaning: 'The memory of used proofs is unavailable, so no proof can be accepted.',
  },
  secrets_unavailable: { status: 503, meaning: 'The source of secrets is unavailable.' },
  store_unavailable: { status: 503, meaning: 'The ledger is unavailable; nothing was dispatched.' },
} as const

/** A machine code of an error body. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Whether `text` is a code of the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text)
}

/** The entry of a code, with its optional members visible. */
export function errorCodeEntry(code: ErrorCode): ErrorCodeEntry {
  return ERROR_CODES[code]
}
