import type { Target } from '@latchgate/catalogue'
import { MAX_LEAF_BYTES } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decisionLeaf } from '../../src/approvals/decide.js'
import { MAX_REASONS } from '../../src/approvals/plan.js'
import { receiptDecisions } from '../../src/approvals/receipt-decisions.js'
import type { StoredApproval } from '../../src/ledger/port.js'
import type { SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import { verifyLedgerFile } from '../../src/ledger/sqlite/verify/verify-ledger-file.js'
import type { Approved, Authorized, Dispatched, Held, Validated } from '../../src/pipeline/call.js'
import { recordDenial } from '../../src/pipeline/denial.js'
import { hold } from '../../src/pipeline/hold.js'
import { intend } from '../../src/pipeline/intend.js'
import {
  MAX_DECISIONS_BYTES,
  MAX_HELD_VARIABLE_BYTES,
  MAX_VARIABLE_BYTES,
  variableBytes,
} from '../../src/pipeline/record-size.js'
import { seal } from '../../src/pipeline/seal.js'
import { ExecutionSlots } from '../../src/pipeline/slots.js'
import { resolveCallTarget } from '../../src/pipeline/target.js'
import { verify } from '../../src/pipeline/verify.js'
import { refuse } from '../../src/refusal.js'
import type { RegisteredAction } from '../../src/registered-action.js'
import type { Services } from '../../src/services.js'
import { freshProof, receiptSigner } from '../ledger/entries.js'
import { type LedgerDir, ledgerDir } from '../ledger/sqlite-fixture.js'

// Characters that take most room: JSON writes a quote or a backslash in two bytes.
const quotes = (length: number): string => '"'.repeat(length)
const HASH = `sha256:${'f'.repeat(64)}`
const UUID = 'ffffffff-ffff-7fff-bfff-ffffffffffff'

let place: LedgerDir
let ledger: SqliteLedgerHandle
let services: Services

beforeEach(async () => {
  place = ledgerDir()
  ledger = await place.open({
    origin: `${'o'.repeat(253)}/prod`,
  })
  services = {
    ledger,
    now: place.clock.now,
    log: pino({ level: 'silent' }),
    slots: new ExecutionSlots({ max_in_flight: 8, max_in_flight_per_principal: 8, queue_ms: 0 }),
    policy: {
      version: quotes(128),
      digest: HASH,
      dataDigest: HASH,
      quotasOf: () => [{ calls: Number.MAX_SAFE_INTEGER, window_seconds: 1 }],
    },
    config: { approvals: { ttl_seconds: 3600, max_pending_per_principal: 100 } },
    receiptSigner,
    devMode: false,
  } as unknown as Services
})

afterEach(() => place.remove())

/** An action whose fixed parts take exactly `bytes`, with everything that its own rules bound full. */
function action(headers: readonly string[]): RegisteredAction {
  const template = { headers: Object.fromEntries(headers.map((name) => [name, 'x'])) }
  const manifest = {
    action_id: 'a'.repeat(128),
    version: quotes(40),
    provider: HASH,
    risk_level: 'critical',
    required_imports: ['latchgate:io/http', 'latchgate:io/log'],
    limits: {
      fuel: 2_000_000_000,
      memory_mb: 256,
      timeout_seconds: 300,
      max_io_calls: 1000,
      max_host_response_bytes: 10_485_760,
    },
    declared_side_effects: ['http_read', 'http_write'],
    egress: { profile: 'proxy_allowlist', allowed_domains: ['api.example.com'] },
    secrets: [
      {
        name: 'S'.repeat(64),
        required: true,
        inject: {
          kind: 'sigv4',
          service: 's3',
          region: 'eu-west-1',
          access_key_id: 'A'.repeat(64),
          session_token: 'T'.repeat(64),
        },
        to: null,
      },
    ],
    verifier: { kind: 'http_status', expected_status: [], required_fields: [] },
    template,
  }
  return {
    manifest,
    actionDigest: HASH,
    moduleDigest: HASH,
    source: '',
    action: { validateResponse: () => ({ ok: true, value: null }) },
  } as unknown as RegisteredAction
}

const HEADERS = ['accept', 'content-type', 'user-agent', 'x-github-api-version']

/** A target that takes exactly `bytes` of what a record can hold, in the characters that cost most. */
function targetOf(registered: RegisteredAction, bytes: number): Target {
  const headers = HEADERS.map((name) => [name, 'x'] as const)
  const base = {
    method: 'OPTIONS',
    url: 'https://api.example.com/?',
    headers,
    body: new Uint8Array(1),
  }
  const rest = bytes - variableBytes(registered.manifest, base)
  const url = base.url + '\\'.repeat(Math.floor(rest / 2)) + 'x'.repeat(rest % 2)
  return { ...base, url }
}

function authorized(registered: RegisteredAction, target: Target): Authorized {
  return {
    traceId: UUID,
    actionId: registered.manifest.action_id,
    agentLabel: quotes(64),
    agent: {
      claims: {
        sub: 'p'.repeat(128),
        owner: quotes(256),
        session_id: UUID,
        jti: UUID,
        epoch: 0,
        cnf: { jkt: 'k'.repeat(43) },
        idm: 'peercred',
        budgets: { max_calls: null },
      },
      proof: { jkt: 'k'.repeat(43), jti: quotes(128), forgetAfter: Number.MAX_SAFE_INTEGER },
    },
    registered,
    sent: {},
    params: {},
    arguments: {},
    argumentBytes: new Uint8Array(2),
    requestHash: HASH,
    argumentsHash: HASH,
    target,
    decision: {
      kind: 'allow',
      version: null,
      sinks: registered.manifest.declared_side_effects,
      secrets: [],
      egress: { proxy_allowlist: { allowed_domains: registered.manifest.egress.allowed_domains } },
    },
    secrets: new Map([['S'.repeat(64), {}]]),
    allow: [],
    callsBefore: Number.MAX_SAFE_INTEGER,
    approval: null,
  } as unknown as Authorized
}

/** What the longest things that a provider or an upstream can say make of the receipt. */
function dispatched(call: object, target: Target, run: JsonObject): Dispatched {
  const large = Number.MAX_SAFE_INTEGER
  const into = 'header:x-amz-security-token'
  return {
    ...call,
    run: {
      output: null,
      failure: null,
      effects: [
        {
          import: 'latchgate:io/http',
          method: target.method,
          url: target.url,
          header_names: target.headers.map(([name]) => name),
          body_sha256: HASH,
          body_bytes: large,
          secrets: ['S', 'A', 'T'].map((name) => ({ name: name.repeat(64), into })),
          address: '[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535',
          certificate_sha256: HASH,
          status: 599,
          response_sha256: HASH,
          response_bytes: large,
          outcome: 'not_sent',
          scrubbed: false,
        },
      ],
      observed: { status: 599, body: null },
      contentType: quotes(100_000),
      fuelConsumed: large,
      ioCalls: large,
      durationMs: large,
      ...run,
    },
  } as unknown as Dispatched
}

async function begin(registered: RegisteredAction, target: Target): Promise<object> {
  await ledger.issueLease({
    leaf: { type: 'lease', id: UUID, body: {} },
    sessionId: UUID,
    principal: 'p',
    maxCalls: Number.MAX_SAFE_INTEGER,
  })
  const begun = await intend(services, authorized(registered, target))
  if (!begun.ok) throw new Error(begun.error.code)
  return begun.value
}

describe('the largest call that is let through', () => {
  test.each([
    [
      'fails with the longest reason',
      { failure: { type: 'provider_error', message: quotes(1_000_000) } },
    ],
    [
      'returns a document that contradicts the host at length',
      { output: { ok: true, status: quotes(1_000_000) }, observed: { status: 200, body: null } },
    ],
    [
      'is answered in characters of four bytes',
      { failure: { type: 'provider_error', message: '😀'.repeat(300_000) } },
    ],
  ])('has an intent, and a receipt when it %s', async (_name, run) => {
    const registered = action(HEADERS)
    const target = targetOf(registered, MAX_VARIABLE_BYTES)
    expect(variableBytes(registered.manifest, target)).toBe(MAX_VARIABLE_BYTES)
    const call = await begin(registered, target)
    const sealed = await seal(services, verify(dispatched(call, target, run as JsonObject)))
    expect(await ledger.receipt(sealed.receiptId)).toBeDefined()
    await expectWithinALeaf()
  })

  test('has a hold, and a receipt that tells of every operator, when it needs approval', async () => {
    const registered = action(HEADERS)
    const target = targetOf(registered, MAX_HELD_VARIABLE_BYTES)
    const call = await begin(registered, target)
    const approval = await heldCall(registered, target)
    const operator = { operator: quotes(128), jkt: 'k'.repeat(43), proof: freshProof() }
    const given = { event: 'approval_granted', decision: 'granted', operator } as const
    const attestation = 'a'.repeat(MAX_DECISIONS_BYTES)
    const bodies = Array.from({ length: 3 }, (_, i) => ({
      operator: quotes(127) + String(i),
      operator_sender_binding: operator.jkt,
      attestation,
    }))
    const approved: Approved = {
      approvalId: approval.approvalId,
      planHash: approval.planHash,
      operator,
      proof: operator.proof,
      decisions: receiptDecisions(bodies),
      leaf: decisionLeaf(services, approval, { ...given, members: { attestation } }),
      learn: [],
    }
    const begun = await intend(services, { ...authorized(registered, target), approval: approved })
    if (!begun.ok) throw new Error(begun.error.code)
    const failure = { type: 'provider_error', message: quotes(1_000_000) }
    for (const one of [call, begun.value]) {
      await seal(services, verify(dispatched(one, target, { failure })))
    }
    expect((await ledger.approval(approval.approvalId))?.state).toBe('failed')
    await expectWithinALeaf()
  })
})

async function heldCall(registered: RegisteredAction, target: Target): Promise<StoredApproval> {
  const reasons = Array.from({ length: MAX_REASONS + 1 }, () => ({
    code: 'unresolved_domain',
    detail: quotes(1000),
  }))
  const quorum = { min: 1, distinctFromRequester: true }
  const held = {
    ...authorized(registered, target),
    decision: { kind: 'hold', version: null, sinks: [], reasons, quorum },
    secretNames: ['S'.repeat(64)],
    allow: registered.manifest.egress.allowed_domains,
  } as unknown as Held
  const proof = { ...held.agent.proof, jti: 'hold' }
  const answer = await hold(services, { ...held, agent: { ...held.agent, proof } })
  if (!answer.ok) throw new Error(answer.error.code)
  const stored = await ledger.approval(String(answer.value.body['approval_id']))
  if (stored === undefined) throw new Error('nothing is held')
  return stored
}

async function expectWithinALeaf(): Promise<void> {
  const sizes: number[] = []
  for (let index = 2; index < ledger.size; index += 1)
    sizes.push((await ledger.leaf(index))!.length)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_LEAF_BYTES)
  expect(await ledger.openIntents()).toEqual([])
  await ledger.close()
  expect(verifyLedgerFile({ path: place.path }).findings).toEqual([])
}

describe('target', () => {
  const manifestOf = (): RegisteredAction => {
    const registered = action(HEADERS)
    const template = {
      method: 'GET',
      url_template: '{{url}}',
      path_params: [],
      query: {},
      query_params: null,
      headers: { 'content-type': 'x', 'x-github-api-version': '1' },
      body_template: undefined,
      body_encoding: 'json',
    }
    const manifest = { ...registered.manifest, template } as unknown as RegisteredAction['manifest']
    return { ...registered, manifest }
  }
  const resolve = (url: string): ReturnType<typeof resolveCallTarget> =>
    resolveCallTarget({ registered: manifestOf(), arguments: { url } } as unknown as Validated)

  test('an URL whose receipt would not fit into a record is refused before anything is sent', () => {
    const result = resolve(`https://api.example.com/?${'\\'.repeat(8000)}`)
    expect(result.ok).toBe(false)
    if (result.ok) return
    expect(result.error).toMatchObject({ code: 'schema_violation', status: 422 })
    expect(result.error.body['reason']).toMatch(
      /^\/ the request takes \d+ bytes in a record, at most \d+/,
    )
  })

  test('the longest plain URL is let through', () => {
    const url = `https://api.example.com/?${'x'.repeat(8192 - 25)}`
    expect(url).toHaveLength(8192)
    expect(resolve(url).ok).toBe(true)
  })

  test('whatever is let through takes at most what a record has room for', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 1, max: 60 }),
        (text, times) => {
          const result = resolve(`https://api.example.com/?${text.repeat(times)}`)
          if (!result.ok) return
          const { manifest } = result.value.registered
          expect(variableBytes(manifest, result.value.target)).toBeLessThanOrEqual(
            MAX_VARIABLE_BYTES,
          )
        },
      ),
    )
  })
})

test('a denial is recorded whatever name of an action and whatever reason it quotes', async () => {
  const call = {
    ...authorized(action(HEADERS), targetOf(action(HEADERS), MAX_VARIABLE_BYTES)),
    // As long as the listener lets one be (maxParamLength).
    actionId: '\u0001'.repeat(1024),
  }
  const answer = await recordDenial(
    services,
    call,
    refuse('policy_denied', { detail: quotes(1_000_000) }),
  )
  expect(answer.status).toBe(403)
  expect((await ledger.leaf(2))!.length).toBeLessThanOrEqual(MAX_LEAF_BYTES)
})
