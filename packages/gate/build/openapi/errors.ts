import { type ErrorCode, errorCodeEntry, type JsonObject } from '@latchgate/protocol'
import type {
  Credential,
  ErrorDocumentation,
  RouteDocumentation,
  SuccessDocumentation,
} from './route-documentation.js'
import { ref } from './schema.js'

/** What any request can be answered, whatever it asks for. */
const ALWAYS: readonly ErrorCode[] = ['bad_request', 'internal_error']

/** What the ledger can have against a reading route, and against one that records. */
export const READS_LEDGER: readonly ErrorCode[] = ['store_unavailable']
export const RECORDS: readonly ErrorCode[] = ['store_unavailable', 'clock_error']

/** What an operator's act can be answered when its record uses the proof up. */
export const RECORDS_ACT: readonly ErrorCode[] = [...RECORDS, 'replay_detected']

/** No decision of the policy could be had. */
export const POLICY_FAULTS: readonly ErrorCode[] = [
  'policy_engine_unavailable',
  'policy_engine_timeout',
  'policy_engine_invalid_response',
]

const JSON_BODY: readonly ErrorCode[] = [
  'unsupported_media_type',
  'invalid_json',
  'invalid_request',
  'request_too_large',
]

const PROOF: readonly ErrorCode[] = ['invalid_dpop', 'replay_detected']

const LEASE: readonly ErrorCode[] = [
  'missing_auth_header',
  'invalid_lease',
  'lease_expired',
  'lease_revoked',
  'identity_unauthenticated',
  'identity_forbidden',
  'rate_limited',
  'replay_cache_unavailable',
  'clock_error',
  ...PROOF,
]

const RENEWAL: readonly ErrorCode[] = [
  ...LEASE.filter((code) => code !== 'rate_limited'),
  'rate_limit_exceeded',
]

const NAMED_OPERATOR: readonly ErrorCode[] = [
  'missing_auth_header',
  'invalid_auth_scheme',
  'missing_dpop_header',
  'operator_auth_not_configured',
  'invalid_operator_token',
  'key_binding_failed',
  'operator_throttled',
  ...PROOF,
]

const OPERATOR: readonly ErrorCode[] = ['unauthorized', 'rate_limit_exceeded']

/** Codes that tell a caller when to come again, though their entry in the table does not. */
const RETRY_AFTER: ReadonlySet<ErrorCode> = new Set(['approval_pending', 'quota_exhausted'])

/** Every error that a route can answer: its own, and those of what it asks for. */
export function errorsOf(route: RouteDocumentation): readonly ErrorDocumentation[] {
  const credentials = Object.values(route.access)
  const byCredential = credentials.flatMap((one) => credentialErrors(one, route))
  const path: readonly ErrorCode[] = route.path.includes(':') ? ['not_found'] : []
  const body = route.body?.type === 'json' ? JSON_BODY : []
  return [...ALWAYS, ...byCredential, ...path, ...body, ...route.errors]
}

function credentialErrors(
  credential: Credential,
  { namesCause, proofInLedger }: RouteDocumentation,
): readonly ErrorCode[] {
  switch (credential) {
    case 'none':
      return []
    case 'renewal':
      return RENEWAL
    case 'lease':
      return LEASE
    case 'operator': {
      const memory: readonly ErrorCode[] =
        proofInLedger === true ? [] : ['replay_cache_unavailable']
      return [...(namesCause === true ? NAMED_OPERATOR : OPERATOR), ...memory]
    }
  }
}

/** An answer that is an error, and the headers that it may have. */
export interface ErrorResponse extends SuccessDocumentation {
  readonly headers?: JsonObject
}

/** One response for each status: the codes that it stands for, and their common body. */
export function errorResponses(
  errors: readonly ErrorDocumentation[],
): Readonly<Record<number, ErrorResponse>> {
  const byStatus = new Map<number, { codes: Set<ErrorCode>; schema: string }>()
  for (const error of errors) {
    const { code, status, schema } = typeof error === 'string' ? { code: error } : error
    const at = status ?? errorCodeEntry(code).status
    const entry = byStatus.get(at) ?? { codes: new Set<ErrorCode>(), schema: 'Error' }
    entry.codes.add(code)
    byStatus.set(at, { ...entry, schema: schema ?? entry.schema })
  }
  return Object.fromEntries(
    [...byStatus].map(([status, { codes, schema }]) => [
      status,
      response([...codes].sort(), schema),
    ]),
  )
}

function response(codes: readonly ErrorCode[], schema: string): ErrorResponse {
  const lines = codes.map((code) => `- \`${code}\`: ${errorCodeEntry(code).meaning}`)
  return {
    description: lines.join('\n'),
    schema: {
      type: 'object',
      allOf: [ref(schema)],
      properties: { error: { type: 'string', enum: codes } },
    },
    ...(codes.some(mayRetry) ? { headers: RETRY_AFTER_HEADER } : {}),
  }
}

function mayRetry(code: ErrorCode): boolean {
  return RETRY_AFTER.has(code) || errorCodeEntry(code).retryAfterSeconds !== undefined
}

const RETRY_AFTER_HEADER: JsonObject = {
  'Retry-After': {
    type: 'integer',
    minimum: 1,
    description: 'Seconds after which the request may be repeated, where that is known.',
  },
}
