import type { JwksBody, ReceiptKeysBody } from '@latchgate/protocol'
import { credentialHeaders, identityTokenHeader } from '../auth/credentials.js'
import { issueLease } from '../auth/lease-issue.js'
import { receiptKeyEntry } from '../auth/receipt-key-registry.js'
import { MAX_BODY_BYTES } from '../pipeline/admit.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { execute } from '../pipeline/execute.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { readBody, readJson } from './body.js'
import { actionDetail, actionList, requestSchema } from './discovery.js'
import { readiness } from './health.js'
import type { InFlight } from './in-flight.js'
import { parseLeaseRequest } from './lease-request.js'
import type { Route, RouteRequest } from './listener.js'

/** Routes of both listeners (spec/http-api 3), without the receipt, whose reader differs. */
export function clientRoutes(services: Services, inFlight: InFlight): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle })
  return [
    get('/healthz', async () => ok({ status: 'ok' })),
    get('/readyz', () => readiness(services)),
    get('/.well-known/jwks.json', async () => ok(jwks(services))),
    get('/v1/receipt-keys', async () => ok(receiptKeysBody(services))),
    get('/v1/actions', async () => ok(actionList(services.actions()))),
    get('/v1/actions/:action_id', async (request) =>
      orNotFound(request, actionDetail(services.actions(), parameter(request, 'action_id'))),
    ),
    get('/v1/actions/:action_id/schema/request', async (request) =>
      orNotFound(request, requestSchema(services.actions(), parameter(request, 'action_id'))),
    ),
    { method: 'POST', path: '/v1/leases', handle: (request) => lease(services, request) },
    {
      method: 'POST',
      path: '/v1/actions/:action_id/execute',
      handle: (request) => inFlight.track(executeRoute(services, request)),
    },
  ]
}

/** A path parameter, decoded. */
export function parameter(request: RouteRequest, name: string): string {
  return request.params[name] ?? ''
}

/** A 200 with this body. */
export function ok(body: Answer['body']): Answer {
  return { status: 200, body, headers: {} }
}

/** The credential headers of a request. */
export function credentials(request: RouteRequest): ReturnType<typeof credentialHeaders> {
  return credentialHeaders(request.raw.headers, request.raw.rawHeaders)
}

function orNotFound(request: RouteRequest, body: Answer['body'] | undefined): Answer {
  return body === undefined ? answerError(request.traceId, refuse('not_found')) : ok(body)
}

function executeRoute(services: Services, request: RouteRequest): Promise<Answer> {
  return execute(services, {
    traceId: request.traceId,
    receivedAt: services.now(),
    peer: request.peer,
    actionId: parameter(request, 'action_id'),
    headers: credentials(request),
    agentLabel: agentLabel(request),
    declaredBytes: declaredBytes(request),
    readBody: () => readBody(request.raw),
  })
}

async function lease(services: Services, request: RouteRequest): Promise<Answer> {
  const refused = (refusal: Refusal): Answer => {
    services.summary.count(`lease:${refusal.code}`)
    return answerError(request.traceId, refusal)
  }
  if (services.drain.active) return refused(refuse('draining'))
  if ((declaredBytes(request) ?? 0) > MAX_BODY_BYTES) return refused(refuse('request_too_large'))
  // By peer, so that one of them cannot keep the others from getting leases.
  const { lease_rps } = services.config.rate_limits
  if (!(await services.state.take(`lease:${request.peer.key}`, lease_rps))) {
    return refused(refuse('rate_limit_exceeded'))
  }
  const json = await readJson(request.raw)
  if (!json.ok) return refused(json.error)
  const parsed = parseLeaseRequest(json.value)
  if (!parsed.ok) return refused(parsed.error)
  const applicant = {
    peer: request.peer,
    headers: credentials(request),
    freshToken: identityTokenHeader(request.raw.headers, request.raw.rawHeaders),
    agentLabel: agentLabel(request),
  }
  const issued = await issueLease(services, applicant, parsed.value)
  return issued.ok ? ok({ ...issued.value }) : refused(issued.error)
}

function receiptKeysBody(services: Services): ReceiptKeysBody {
  return { keys: services.receiptKeys.map(receiptKeyEntry) }
}

function jwks(services: Services): JwksBody {
  const { jwk, kid } = services.leaseKey
  return {
    keys: [{ kty: jwk.kty, crv: jwk.crv, kid, use: 'sig', alg: 'ES256', x: jwk.x, y: jwk.y }],
  }
}

function agentLabel(request: RouteRequest): string | null {
  const value = request.raw.headers['x-latchgate-agent']
  return typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value) ? value : null
}

function declaredBytes(request: RouteRequest): number | null {
  const value = request.raw.headers['content-length']
  return value !== undefined && /^[0-9]{1,15}$/.test(value) ? Number(value) : null
}
