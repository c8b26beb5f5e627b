import { randomUUID } from 'node:crypto'
import { openDatabase } from '@latchgate/gate'
import type { AuditEvent, AuditEventsBody } from '@latchgate/protocol'
import { resetBeforeAnswer } from '@latchgate/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { approveCall, denyCall, holdCall } from '../src/harness/approvals.js'
import { leavesOf } from '../src/harness/evidence.js'
import { operatorHeaders } from '../src/harness/operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const EVENTS = '/v1/audit/events'
const ZEN = { url: 'https://api.github.com/zen' }
const RATES = '[rate_limits]\noperator_read_rps = 100000\nexecute_rps_per_session = 10000\n'

let world: World
let lease: HeldLease
let all: readonly AuditEvent[]
/** Approval ids. */
let denied: string
let approved: string
/** Trace ids by what happened. */
const traces: Record<string, string> = {}

beforeAll(async () => {
  world = await startWorld(
    { tables: RATES, owner: 'alice' },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' } },
  )
  world.upstream.on('POST', '/repos/acme/rocket/issues', () => ({
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: '{"id":1,"number":7,"html_url":"https://github.com/acme/rocket/issues/7"}',
  }))
  world.upstream.on('GET', '/zen', async () => ({ status: 200, body: 'Keep it simple.' }))
  world.upstream.on('GET', '/broken', async () => ({ status: 500, body: 'no' }))
  world.upstream.on('GET', '/reset', resetBeforeAnswer())
  lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
  const remember = async (name: string, answer: Promise<RawAnswer>): Promise<void> => {
    traces[name] = String((await answer).json()['trace_id'])
  }
  await remember('executed', executeRaw(world.client, lease, 'http_fetch', ZEN))
  await remember('unknown action', executeRaw(world.client, lease, 'nope', {}))
  await remember('schema', executeRaw(world.client, lease, 'http_fetch', { url: 7 }))
  const failing = (path: string): Promise<RawAnswer> =>
    executeRaw(world.client, lease, 'http_fetch', { url: `https://api.github.com${path}` })
  await remember('broken upstream', failing('/broken'))
  await remember('reset upstream', failing('/reset'))
  // A proof of nobody: counted, and recorded as a summary when the gate closes.
  await world.client.send({ method: 'POST', path: '/v1/actions/http_fetch/execute' })
  await operate('POST', '/v1/admin/drain')
  await operate('DELETE', '/v1/admin/drain')
  await decideApprovals()
  all = await read('')
})

afterAll(() => world.close())

async function decideApprovals(): Promise<void> {
  const asking = await takeLease(world.client)
  const hold = async (title: string): Promise<string> => {
    const params = { owner: 'acme', repo: 'rocket', title }
    return (await holdCall(world, asking, 'github_create_issue', params)).id
  }
  denied = await hold('denied')
  approved = await hold('approved')
  expect((await denyCall(world, denied, { body: { reason: 'no' } })).status).toBe(200)
  expect((await approveCall(world, approved)).status).toBe(200)
}

function operate(method: string, path: string, from: World = world): Promise<RawAnswer> {
  const headers = operatorHeaders(from.gate.project, method, path.split('?')[0] ?? '')
  return from.admin.send({ method, path, headers })
}

async function ask(query: string, path: string = EVENTS): Promise<AuditEventsBody> {
  const answer = await operate('GET', `${path}${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json() as unknown as AuditEventsBody
}

async function read(query: string): Promise<readonly AuditEvent[]> {
  return (await ask(query)).events
}

function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1)
  return list[0] as T
}

const text = expect.any(String) as string
const hash = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string
const hex = expect.stringMatching(/^[0-9a-f]{64}$/) as string
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string
const number = expect.any(Number) as number

test('an executed call is told once, in full', async () => {
  const answer = await operate('GET', `${EVENTS}?trace_id=${traces['executed']}`)
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json'])
  expect(answer.json()).toEqual({
    newest_index: number,
    events: [
      {
        trace_id: traces['executed'],
        timestamp: time,
        event_type: 'action_call',
        principal: 'agent-test',
        session_id: lease.sessionId,
        lease_jti: text,
        owner: 'alice',
        action_id: 'http_fetch',
        action_version: text,
        action_digest: hash,
        action_trust_verdict: 'digest_ok',
        risk_level: 'low',
        request_hash: hash,
        request_schema_id: 'http_fetch:request',
        policy_version: 'test-1',
        decision: 'allow',
        deny_reason: null,
        allowed_sinks: expect.any(Array) as [],
        budgets_before: { calls_remaining: 5 },
        budgets_after: { calls_remaining: 4 },
        runtime: {
          module_digest: hash,
          egress_profile: 'proxy_allowlist',
          duration_ms: number,
          exit_code: 0,
          timeout_hit: false,
          fuel_consumed: number,
          io_calls_made: 1,
        },
        response_hash: hash,
        response_bytes: number,
        grant_id: text,
        receipt_id: text,
        verification_outcome: 'verified',
        prev_hash: null,
        dev_mode: true,
        sandbox_degraded: false,
        session_seq: 1,
        leaf_index: number,
        leaf_hash: hex,
      },
    ],
  })
})

test('what an operator did is found by his name, with the detail as text and for programs', async () => {
  const drained = only(await read('?event_type=admin_drain'))
  expect(drained).toEqual({
    ...EMPTY,
    trace_id: text,
    timestamp: time,
    event_type: 'admin_drain',
    principal: 'operator',
    session_id: 'operator',
    decision: 'allow',
    deny_reason: 'drain initiated, in_flight=0, was_first=true',
    operator_sender_binding: world.gate.project.operator.key.thumbprint,
    operator_proof_jti: text,
    dev_mode: true,
    detail: { in_flight: 0, was_first: true },
    leaf_index: number,
    leaf_hash: hex,
  })
  const his = (await read('?principal=operator')).map(({ event_type }) => event_type)
  expect(his).toEqual(['admin_drain_ended', 'admin_drain'])
  expect((await read('?session_id=operator')).length).toBe(2)
})

const EMPTY = {
  lease_jti: '',
  action_id: '',
  action_version: null,
  action_digest: '',
  action_trust_verdict: '',
  request_hash: '',
  request_schema_id: null,
  policy_version: null,
  allowed_sinks: [],
  budgets_before: null,
  budgets_after: null,
  runtime: null,
  response_hash: null,
  response_bytes: null,
  prev_hash: null,
  sandbox_degraded: false,
}

test.each([
  'trace_id',
  'event_type',
  'action_id',
  'principal',
  'session_id',
  'decision',
  'approval_id',
] as const)('the filter %s finds exactly the events with each of its values', async (member) => {
  const values = new Set(all.map((event) => event[member] ?? ''))
  expect(values.size).toBeGreaterThan(1)
  for (const value of [...values, 'no such value']) {
    const found = await read(`?${member}=${encodeURIComponent(value)}`)
    expect(found).toEqual(all.filter((event) => (event[member] ?? '') === value))
  }
})

test('filters are joined by and; times are exclusive, and the same instant in any zone', async () => {
  const executed = only(await read(`?trace_id=${traces['executed']}&decision=allow`))
  expect(await read(`?trace_id=${traces['executed']}&decision=deny`)).toEqual([])
  const at = executed.timestamp
  const later = all.filter(({ timestamp }) => timestamp > at)
  expect(await read(`?after=${at}`)).toEqual(later)
  expect(await read(`?after=${at.replace('Z', '%2B00:00')}`)).toEqual(later)
  const earlier = all.filter(({ timestamp }) => timestamp < at)
  expect(await read(`?before=${at}`)).toEqual(earlier)
  expect(await read(`?after=${at}&before=${at}`)).toEqual([])
})

const REASONS = [{ code: 'risk', detail: "the action's risk level is high" }]

test('what was held and denied is one story under its approval', async () => {
  const [end, held, ...others] = await read(`?approval_id=${denied}`)
  expect(others).toEqual([])
  const subject = {
    trace_id: held?.trace_id,
    principal: 'agent-test',
    action_id: 'github_create_issue',
    approval_id: denied,
    plan_hash: hex,
    request_hash: hash,
  }
  expect(held).toMatchObject({
    ...subject,
    event_type: 'action_call',
    decision: 'pending_approval',
    deny_reason: null,
    reasons: REASONS,
    session_seq: 1,
  })
  expect(end).toMatchObject({
    ...subject,
    event_type: 'approval_denied',
    decision: 'deny',
    approved_by: 'operator',
    operator_authn_method: 'operator_dpop',
    operator_sender_binding: world.gate.project.operator.key.thumbprint,
    operator_proof_jti: text,
    deny_reason: `denied via ${denied}: no`,
  })
})

test('what was held and approved is told to its end, with who approved it', async () => {
  const story = await read(`?approval_id=${approved}`)
  expect(story.map(({ event_type, decision }) => [event_type, decision])).toEqual([
    ['action_call', 'allow'],
    ['approval_granted', 'allow'],
    ['action_call', 'pending_approval'],
  ])
  const [executed, granted, held] = story
  expect(granted).toMatchObject({ approved_by: 'operator', deny_reason: null })
  expect(executed).toMatchObject({
    trace_id: held?.trace_id,
    principal: 'agent-test',
    approval_id: approved,
    approved_by: 'operator',
    operator_authn_method: 'operator_dpop',
    operator_sender_binding: world.gate.project.operator.key.thumbprint,
    operator_proof_jti: granted?.operator_proof_jti,
    deny_reason: `approved via ${approved}`,
    receipt_id: text,
  })
})

test('the aliases that published adapters ask for answer the same', async () => {
  expect(await ask('?limit=3', '/v1/audit/recent')).toEqual(await ask('?limit=3'))
  const query = `?trace_id=${traces['executed']}`
  expect(await ask(query, '/v1/audit')).toEqual(await ask(query))
})

test('a limit is clamped, and what it cuts off is said to be there', async () => {
  for (const limit of ['0', '-4', '1']) {
    const page = await ask(`?limit=${limit}`)
    expect(page).toEqual({
      events: [all[0]],
      newest_index: number,
      next_cursor: String(all[0]?.leaf_index),
    })
  }
  expect(await ask('?limit=99999')).toEqual({ events: all, newest_index: number })
  const rest = await ask(`?cursor=${String(all[0]?.leaf_index)}`)
  expect(rest.events).toEqual(all.slice(1))
})

test.each([
  ['?limit=ten', "`limit` is no whole number: 'ten'"],
  ['?limit=1&limit=1', '`limit` is given more than once'],
  ['?after=yesterday', /^`after` is no time: 'yesterday'; write it as 2026-03-01T10:00:00Z/],
  ['?before=2026-02-31T00:00:00Z', /^`before` is no time/],
  ['?cursor=abc', "`cursor` is not a `next_cursor` of this gate: 'abc'"],
])('%s is 400 and names the parameter', async (query, message) => {
  for (const path of [EVENTS, '/v1/audit', '/v1/audit/recent']) {
    const answer = await operate('GET', `${path}${query}`)
    const expected = typeof message === 'string' ? message : expect.stringMatching(message)
    expect([answer.status, answer.json()]).toEqual([
      400,
      { error: 'bad_request', message: expected, trace_id: text },
    ])
  }
})

test('unknown parameters change nothing', async () => {
  expect(await ask('?colour=red&colour=blue&__proto__=x')).toEqual(await ask(''))
})

test('only operators read: nobody, an agent, and the client listener do not', async () => {
  for (const path of [EVENTS, '/v1/audit', '/v1/audit/recent', '/v1/audit/verify']) {
    const agents = credentials(lease, 'GET', path)
    for (const headers of [{}, agents]) {
      const answer = await world.admin.send({ method: 'GET', path, headers })
      expect([answer.status, answer.json()['error']]).toEqual([401, 'unauthorized'])
    }
    const headers = operatorHeaders(world.gate.project, 'GET', path)
    expect((await world.client.send({ method: 'GET', path, headers })).status).toBe(404)
    const wrong = await operate('POST', path)
    expect([wrong.status, wrong.headers['allow']]).toEqual([405, 'GET, HEAD'])
  }
})

const STRINGS = [
  ...['trace_id', 'timestamp', 'event_type', 'principal', 'session_id', 'lease_jti'],
  ...['action_id', 'action_digest', 'action_trust_verdict', 'request_hash', 'decision'],
]
const NULLABLE: Record<string, string> = {
  action_version: 'string',
  request_schema_id: 'string',
  policy_version: 'string',
  deny_reason: 'string',
  budgets_before: 'object',
  budgets_after: 'object',
  runtime: 'object',
  response_hash: 'string',
  response_bytes: 'number',
  prev_hash: 'string',
}
const OMITTED = [
  ...['identity_method', 'owner', 'risk_level', 'grant_id', 'receipt_id', 'verification_outcome'],
  ...['approval_id', 'approved_by', 'operator_authn_method', 'operator_sender_binding'],
  'operator_proof_jti',
]
const ADDED: Record<string, string> = {
  leaf_index: 'number',
  leaf_hash: 'string',
  session_seq: 'number',
  code: 'string',
  reasons: 'object',
  plan_hash: 'string',
  detail: 'object',
}

test('every event of a varied run has the members of the published table, and none beside', () => {
  const kinds = new Set(all.map(({ event_type, decision }) => `${event_type} ${decision}`))
  expect([...kinds].sort()).toEqual([
    'action_call allow',
    'action_call allow_unverified',
    'action_call deny',
    'action_call error',
    'action_call pending_approval',
    'admin_drain allow',
    'admin_drain_ended allow',
    'approval_denied deny',
    'approval_granted allow',
    'lease_issued allow',
    'log_key_added allow',
    'policy_loaded allow',
    'receipt_key_added allow',
  ])
  for (const event of all as readonly Record<string, unknown>[]) {
    for (const name of STRINGS) expect([name, typeof event[name]]).toEqual([name, 'string'])
    expect(Array.isArray(event['allowed_sinks'])).toBe(true)
    expect([typeof event['dev_mode'], event['sandbox_degraded']]).toEqual(['boolean', false])
    for (const [name, type] of Object.entries(NULLABLE)) {
      expect(name in event, name).toBe(true)
      if (event[name] !== null) expect([name, typeof event[name]]).toEqual([name, type])
    }
    const always = [...STRINGS, ...Object.keys(NULLABLE)]
    for (const [name, value] of Object.entries(event)) {
      if ([...always, 'allowed_sinks', 'dev_mode', 'sandbox_degraded'].includes(name)) continue
      const type = OMITTED.includes(name) ? 'string' : ADDED[name]
      expect([name, typeof value]).toEqual([name, type])
      expect([name, value === null || value === '']).toEqual([name, false])
    }
  }
})

test('pages are without gaps and doubles while calls go on', async () => {
  const over = new AbortController()
  const calls = (async (): Promise<void> => {
    while (!over.signal.aborted) await executeRaw(world.client, lease, 'nope', {})
  })()
  try {
    for (const limit of [1, 2, 3, 7]) {
      const first = await ask(`?limit=${limit}`)
      const seen = [...first.events]
      let cursor = first.next_cursor
      while (cursor !== undefined) {
        const page = await ask(`?limit=${limit}&cursor=${cursor}`)
        seen.push(...page.events)
        cursor = page.next_cursor
      }
      const expected = await everythingUpTo(first.newest_index)
      expect(seen).toEqual(expected)
    }
    await followWhileCallsGoOn()
  } finally {
    over.abort()
    await calls
  }
})

// Through the other direction of the walk, so that a fault of one does not confirm itself.
async function everythingUpTo(index: number): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  let since = -1
  while (since < index) {
    const page = await ask(`?limit=1000&since_index=${since}`)
    events.push(...page.events)
    since = Number(page.next_since_index)
  }
  return events.filter(({ leaf_index }) => leaf_index <= index).toReversed()
}

async function followWhileCallsGoOn(): Promise<void> {
  const start = (await ask('?limit=1')).newest_index
  const seen: AuditEvent[] = []
  let since = start
  while (seen.length < 20) {
    const page = await ask(`?limit=3&since_index=${since}`)
    seen.push(...page.events)
    since = Number(page.next_since_index)
  }
  const indexes = seen.map(({ leaf_index }) => leaf_index)
  const expected = (await everythingUpTo(indexes.at(-1) ?? 0)).filter(
    ({ leaf_index }) => leaf_index > start,
  )
  expect(seen).toEqual(expected.toReversed())
}

test('other requests are answered in the middle of a long search', async () => {
  const { ledger } = world.gate.services
  for (let batch = 0; batch < 20; batch += 1) {
    const fill = (): Promise<unknown> =>
      ledger.record({ leaf: { type: 'summary', id: randomUUID(), body: { unauthenticated: {} } } })
    await Promise.all(Array.from({ length: 1000 }, fill))
  }
  const over = new AbortController()
  let answered = 0
  const search = ask('?approval_id=none').finally(() => over.abort())
  while (!over.signal.aborted) {
    await world.client.send({ method: 'GET', path: '/healthz' })
    if (!over.signal.aborted) answered += 1
  }
  expect((await search).events).toEqual([])
  expect(answered).toBeGreaterThan(1)
})

test('an intact ledger is verified beside the running gate, once for all who ask at a time', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => operate('GET', '/v1/audit/verify')))
  const [first] = answers
  const leaves = Number(first?.json()['total_events'])
  expect([first?.status, first?.json()]).toEqual([
    200,
    { intact: true, total_events: leaves, verified_links: leaves, broken_at: null },
  ])
  expect(leaves).toBeGreaterThan(20_000)
  for (const { text: body } of answers) expect(body).toBe(first?.text)
})

test('a record that was changed is found by its trace, and its event is not hidden', async () => {
  const trace = String(traces['executed'])
  tamper(
    world,
    `UPDATE leaves SET bytes = CAST(replace(CAST(bytes AS TEXT), '"decision":"allow"', '"decision":"alloy"') AS BLOB)
     WHERE type = 'decision' AND trace_id = '${trace}'`,
  )
  const index = leavesOf(world, trace).find(({ type }) => type === 'decision')?.index
  const answer = await operate('GET', '/v1/audit/verify')
  const { total_events, ...body } = answer.json()
  expect([answer.status, body]).toEqual([
    200,
    {
      intact: false,
      verified_links: total_events,
      broken_at: trace,
      findings: expect.arrayContaining([
        {
          index,
          id: text,
          column: 'hash',
          problem: 'the bytes of the leaf do not give its stored hash',
        },
      ]) as [],
    },
  ])
  expect((body['findings'] as []).length).toBeLessThanOrEqual(20)
  expect(only(await read(`?trace_id=${trace}`)).decision).toBe('error')
})

function tamper(of: World, sql: string): void {
  const db = openDatabase(of.gate.project.ledger)
  try {
    db.exec('PRAGMA busy_timeout = 5000')
    db.exec(sql)
  } finally {
    db.close()
  }
}

test('a tail that was cut off shows against what the gate remembers', async () => {
  const other = await startWorld()
  try {
    const held = await takeLease(other.client)
    await executeRaw(other.client, held, 'nope', {})
    tamper(other, 'DELETE FROM leaves WHERE leaf = (SELECT max(leaf) FROM leaves)')
    const answer = await operate('GET', '/v1/audit/verify', other)
    const { intact, findings } = answer.json()
    const problems = (findings as { problem: string }[]).map(({ problem }) => problem)
    expect([answer.status, intact]).toEqual([200, false])
    expect(problems.join('\n')).toMatch(/checkpoint/)
  } finally {
    await other.close()
  }
})

test('a ledger that cannot be read is 500, and says nothing of files', async () => {
  const other = await startWorld()
  try {
    tamper(other, 'CREATE TABLE foreign_table (x)')
    const answer = await operate('GET', '/v1/audit/verify', other)
    expect([answer.status, answer.json()]).toEqual([
      500,
      { error: 'ledger_error', message: 'The ledger failed.', trace_id: text },
    ])
    expect(other.gate.logs.map(({ msg }) => msg)).toContain('the ledger was not verified')
  } finally {
    await other.close()
  }
})
