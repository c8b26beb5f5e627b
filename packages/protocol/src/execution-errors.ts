/** The `failure_class` values that published clients know (http-api 12.1). */
export type FailureClass =
  | 'provider_error'
  | 'timeout'
  | 'policy_violation'
  | 'verification_failed'
  | 'cancelled'
  | 'internal_error'

/** What the one table says about the end of an execution. */
export interface ExecutionErrorEntry {
  readonly failureClass: FailureClass
  /** One sentence for a human. */
  readonly meaning: string
}

/** Every `error_type` of a 502 `action_execution_failed` and of its receipt (design 14). */
export const EXECUTION_ERRORS = {
  provider_error: { failureClass: 'provider_error', meaning: 'The provider returned an error.' },
  upstream_unreachable: {
    failureClass: 'provider_error',
    meaning: 'No connection to the upstream could be made.',
  },
  upstream_timeout: { failureClass: 'timeout', meaning: 'The upstream did not answer in time.' },
  upstream_protocol: {
    failureClass: 'provider_error',
    meaning: 'The upstream broke off, or answered something that is not HTTP.',
  },
  response_too_large: {
    failureClass: 'provider_error',
    meaning: 'The response of the upstream exceeds the limit of the action.',
  },
  response_unsearchable: {
    failureClass: 'provider_error',
    meaning: 'The response takes too much work to be searched for secrets; it is withheld.',
  },
  response_schema: {
    failureClass: 'provider_error',
    meaning: "The output does not fit the action's response schema.",
  },
  egress_denied: {
    failureClass: 'policy_violation',
    meaning: 'The destination turned out not to be allowed; nothing was sent.',
  },
  plan_mismatch: {
    failureClass: 'policy_violation',
    meaning: 'What was to be done is not, or is no longer, what was authorised.',
  },
  import_not_declared: {
    failureClass: 'policy_violation',
    meaning: 'The provider used a host function that the manifest does not declare.',
  },
  io_budget: {
    failureClass: 'policy_violation',
    meaning: 'The provider made more host calls than the action allows.',
  },
  fuel_exhausted: { failureClass: 'provider_error', meaning: 'The provider ran out of fuel.' },
  memory_limit: {
    failureClass: 'provider_error',
    meaning: 'The provider needs more memory than the action allows.',
  },
  depth_limit: { failureClass: 'provider_error', meaning: 'The provider recursed too deeply.' },
  wall_clock: { failureClass: 'timeout', meaning: 'The execution took longer than it may.' },
  trap: { failureClass: 'provider_error', meaning: 'The provider trapped.' },
  output_too_large: {
    failureClass: 'provider_error',
    meaning: 'The output of the provider exceeds the limit of the action.',
  },
  invalid_output: {
    failureClass: 'provider_error',
    meaning: 'The provider returned something that is not an output.',
  },
  module_not_found: {
    failureClass: 'internal_error',
    meaning: 'The module of the provider is not loaded.',
  },
  secret_injection: {
    failureClass: 'internal_error',
    meaning: 'A secret could not be placed into the request; nothing was sent.',
  },
  revoked: {
    failureClass: 'policy_violation',
    meaning: 'The lease was revoked; nothing was sent.',
  },
  cancelled: { failureClass: 'cancelled', meaning: 'The execution was stopped by the gate.' },
  overloaded: {
    failureClass: 'internal_error',
    meaning: 'The sandbox had no instance or no memory free.',
  },
  internal_error: { failureClass: 'internal_error', meaning: 'The gate failed.' },
} as const

/** How an execution failed. */
export type ExecutionErrorType = keyof typeof EXECUTION_ERRORS

/** Whether `text` is a type of the table. */
export function isExecutionErrorType(text: string): text is ExecutionErrorType {
  return Object.hasOwn(EXECUTION_ERRORS, text)
}

/** The `failure_class` of a failed execution. */
export function failureClassOf(type: ExecutionErrorType): FailureClass {
  const entry: ExecutionErrorEntry = EXECUTION_ERRORS[type]
  return entry.failureClass
}
