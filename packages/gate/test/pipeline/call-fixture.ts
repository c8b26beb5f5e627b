import { ActionRegistry, parseManifest } from '@latchgate/catalogue'
import type { Effect } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import { pino } from 'pino'
import type { Dispatched, Intending, Resolved } from '../../src/pipeline/call.js'
import { resolveCallTarget } from '../../src/pipeline/target.js'
import { validate } from '../../src/pipeline/validate.js'
import { Secret } from '../../src/secrets/port.js'
import type { Services } from '../../src/services.js'

export const VALUE = 'ghp_0123456789abcdef'
export const STARTED_AT: number = Date.UTC(2026, 0, 1)

const MANIFEST: JsonObject = {
  action_id: 'ticket_write',
  version: '1.0.0',
  description: 'Writes a ticket.',
  provider_module_digest: 'builtin:http_api',
  required_imports: ['latchgate:io/http', 'latchgate:io/log'],
  risk_level: 'low',
  declared_side_effects: ['http_write'],
  verifier_kind: 'http_status',
  egress: { profile: 'proxy_allowlist', allowed_domains: ['api.example.com'] },
  resource_limits: { timeout_seconds: 2, max_io_calls: 1, max_host_response_bytes: 65_536 },
  template: {
    method: 'POST',
    url_template: 'https://api.example.com/tickets',
    headers: { 'x-kind': 'ticket' },
    body_template: { title: '{{title}}' },
  },
  io: {
    request_schema: {
      type: 'object',
      additionalProperties: false,
      required: ['title'],
      properties: { title: { type: 'string' } },
    },
  },
  secrets: [
    {
      name: 'TOKEN',
      required: true,
      inject: { header: 'authorization', format: 'Bearer {}' },
    },
  ],
}

/** A call of `MANIFEST`, with members replaced, whose intent is durable: made by the real stages. */
export async function intending(change: JsonObject = {}): Promise<Intending> {
  const text = JSON.stringify({ ...MANIFEST, ...change })
  const parsed = parseManifest(`# Risk rationale: a test.\n${text}`, 'test.yaml', {
    providers: ['builtin:http_api'],
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  const manifest = parsed.value
  const registry = ActionRegistry.build([manifest])
  const action = registry.ok ? registry.value.get(manifest.action_id) : undefined
  if (action === undefined) throw new Error('the action does not compile')
  const resolved: Resolved = {
    traceId: 'trace-1',
    receivedAt: STARTED_AT,
    peer: { transport: 'unix', credentials: null, key: 'uid:1' },
    actionId: manifest.action_id,
    headers: {
      authorization: undefined,
      dpop: undefined,
      sent: { authorization: false, dpop: false },
      duplicated: false,
    },
    agentLabel: null,
    declaredBytes: null,
    readBody: async () => new TextEncoder().encode('{"title":"hello"}'),
    peerToken: { giveBack: async () => undefined },
    agent: {
      claims: {
        sub: 'agent-1',
        session_id: 'session-1',
        jti: 'lease-1',
        scope: ['tools:call'],
        idm: 'peercred',
      },
      proof: { jkt: 'jkt', jti: 'jti', forgetAfter: STARTED_AT },
    } as unknown as Resolved['agent'],
    registered: {
      action,
      manifest,
      actionDigest: 'sha256:action',
      moduleDigest: 'sha256:module',
      source: 'test',
    },
  }
  const validated = await validate(resolved)
  if (!validated.ok) throw new Error(validated.error.detail)
  const targeted = resolveCallTarget(validated.value)
  if (!targeted.ok) throw new Error(targeted.error.detail)
  return {
    ...targeted.value,
    decision: { version: null, sinks: ['http_write'], secrets: [], egress: 'none' },
    secrets: new Map([['TOKEN', new Secret(VALUE)]]),
    allow: ['api.example.com'],
    callsBefore: null,
    policyRevision: 'one',
    approval: null,
    grantId: 'grant-1',
    intent: { index: 1, size: 2, sessionSeq: 1, callsRemaining: null },
    startedAt: STARTED_AT,
    dispatchNotAfter: STARTED_AT + 7_000,
  }
}

export const EFFECT: Effect = {
  import: 'latchgate:io/http',
  method: 'POST',
  url: 'https://api.example.com/tickets',
  header_names: [],
  body_sha256: null,
  body_bytes: 0,
  secrets: [],
  address: '198.51.100.1:443',
  certificate_sha256: null,
  status: 200,
  response_sha256: null,
  response_bytes: null,
  outcome: 'answered',
  scrubbed: false,
}

/** A run that ended well, with members replaced. */
export async function dispatched(
  run: Partial<Dispatched['run']> = {},
  change: JsonObject = {},
): Promise<Dispatched> {
  return {
    ...(await intending(change)),
    run: {
      output: { ok: true, data: { status_code: 200 } },
      failure: null,
      effects: [EFFECT],
      observed: { status: 200, body: new TextEncoder().encode('{"id":7}') },
      contentType: 'application/json',
      fuelConsumed: 1,
      ioCalls: 1,
      durationMs: 1,
      ...run,
    },
  }
}

/** As much of the services as the stages under test use, and the lines that were logged. */
export function servicesWith(given: Partial<Services>): {
  readonly services: Services
  readonly logged: readonly string[]
} {
  const logged: string[] = []
  const log = pino({ base: null, level: 'trace' }, { write: (line: string) => logged.push(line) })
  return { services: { now: () => STARTED_AT, log, ...given } as Services, logged }
}
