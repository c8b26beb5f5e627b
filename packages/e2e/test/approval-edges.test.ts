import { readFileSync, writeFileSync } from 'node:fs'
import { ManualClock } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import {
  approvalLeaves,
  assertSound,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { leavesOf } from '../src/harness/evidence.js'
import { ALL_ACTIONS, ALL_SINKS, startTestGate } from '../src/harness/gate.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  RawClient,
  secondsOf,
  takeLease,
} from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const ID = expect.any(String)

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) {
    assertSound(world)
    await world.close()
  }
})

async function begin(
  settings: Parameters<typeof startApprovalWorld>[0] = {},
  options: Parameters<typeof startApprovalWorld>[1] = {},
): Promise<World> {
  const world = await startApprovalWorld(settings, options)
  open.push(world)
  return world
}

async function beginHeld(): Promise<{
  readonly world: World
  readonly lease: HeldLease
  readonly id: string
}> {
  const world = await begin()
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  return { world, lease, id }
}

const wait = (
  world: Pick<World, 'client' | 'now'>,
  lease: HeldLease,
  id: string,
  query = '',
): Promise<RawAnswer> => asAgent(world, lease, `/v1/approvals/${id}/wait${query}`)

test('whoever waits for an approval hears of it at once, with what came of the call', async () => {
  const { world, lease, id } = await beginHeld()
  const waiting = [wait(world, lease, id), wait(world, lease, id, '?timeout_ms=30000')]
  const approved = await approveCall(world, id)
  for (const answer of await Promise.all(waiting)) {
    const poll = await asAgent(world, lease, `/v1/approvals/${id}/poll`)
    expect([answer.status, answer.json()]).toEqual([200, poll.json()])
    expect(answer.json()).toMatchObject({
      status: 'approved',
      receipt_id: approved.json()['receipt_id'],
      output: { ok: true },
    })
  }
  // What has ended is not waited for.
  expect((await wait(world, lease, id)).json()['status']).toBe('approved')
})

test.each([
  ['denial', (world: World, id: string) => denyCall(world, id, { body: { reason: 'no' } }), 'no'],
  [
    'revocation',
    (world: World) => asOperator(world, 'POST', '/v1/admin/revoke-all'),
    'revoked by an operator',
  ],
] as const)('whoever waits hears of a %s at once', async (_what, act, reason) => {
  const { world, lease, id } = await beginHeld()
  const waiting = wait(world, lease, id)
  expect((await act(world, id)).status).toBe(200)
  // A revocation may be there before the request is: then its lease is refused.
  const answer = await waiting
  if (answer.status === 401) return expect(answer.json()['error']).toBe('lease_revoked')
  expect([answer.status, answer.json()]).toMatchObject([200, { status: 'denied', reason }])
})

test('a wait that is over says what a poll says', async () => {
  const { world, lease, id } = await beginHeld()
  for (const query of ['?timeout_ms=0', '?timeout_ms=50', '?timeout_ms=000000001']) {
    const answer = await wait(world, lease, id, query)
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        status: 'pending',
        retry_after_seconds: 2,
        approval_id: id,
        action_id: 'github_create_issue',
        expires_at: expect.any(String),
      },
    ])
  }
})

test('whoever waits hears of the expiry when it comes', async () => {
  const clock = new ManualClock(Date.now())
  const world = await begin({ tables: '[approvals]\nttl_seconds = 10' }, { now: clock.now })
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  clock.advance(9_900)
  const waiting = wait(world, lease, id)
  // Whether or not the wait has begun: the next look is at most this far away.
  clock.advance(99)
  expect((await wait(world, lease, id, '?timeout_ms=20')).json()['status']).toBe('pending')
  clock.advance(1)
  const answer = await waiting
  expect([answer.status, answer.json()]).toEqual([
    200,
    {
      status: 'expired',
      reason: 'nobody decided in time: repeat the call',
      approval_id: id,
      action_id: 'github_create_issue',
      expires_at: expect.any(String),
    },
  ])
})

test.each(['-1', '1.5', '1e3', 'soon', '', '%20', '9999999999', '5&timeout_ms=6'])(
  'a wait of timeout_ms=%s is refused',
  async (text) => {
    const { world, lease, id } = await beginHeld()
    const answer = await wait(world, lease, id, `?timeout_ms=${text}`)
    expect([answer.status, answer.json()]).toEqual([
      400,
      {
        error: 'bad_request',
        message: 'timeout_ms must be a whole number, given once',
        trace_id: ID,
      },
    ])
  },
)

test('64 requests of a principal may wait at a time; whoever hangs up makes room', async () => {
  const { world, lease, id } = await beginHeld()
  const crowd = new RawClient({ socket: world.gate.project.socket })
  const warnings: string[] = []
  const warned = ({ message }: Error): number => warnings.push(message)
  process.on('warning', warned)
  const waitOn = async (): Promise<never> => {
    // One of these may find the last place taken by the one that counts them.
    for (;;) await wait({ client: crowd }, lease, id)
  }
  const waiting = Array.from({ length: 64 }, () => waitOn().catch(() => 'cut off'))
  const another = (): Promise<RawAnswer> => wait(world, lease, id, '?timeout_ms=1')
  let full = await another()
  while (full.status === 200) full = await another()
  expect([full.status, full.headers['retry-after'], full.json()]).toEqual([
    429,
    '1',
    {
      error: 'rate_limited',
      message: 'too many requests of this principal wait for approvals: poll instead',
      trace_id: ID,
    },
  ])
  expect((await asAgent(world, lease, `/v1/approvals/${id}/poll`)).status).toBe(200)
  await crowd.destroy()
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['cut off']))
  while ((await another()).status !== 200);
  const again = Array.from({ length: 60 }, () => wait(world, lease, id))
  await denyCall(world, id)
  for (const answer of await Promise.all(again)) {
    expect(answer.json()).toMatchObject({ status: 'denied' })
  }
  process.off('warning', warned)
  expect(warnings).toEqual([])
})

test('a gate that stops does not wait for those who wait', async () => {
  const { world, lease, id } = await beginHeld()
  const waiting = wait(world, lease, id)
  // Both go over one socket: when this one is answered the other has been read.
  await wait(world, lease, id, '?timeout_ms=20')
  await world.gate.close()
  const answer = await waiting
  expect([answer.status, answer.json()['status']]).toEqual([200, 'pending'])
})

// Control characters, escapes of terminals, directions of text, a byte order mark, and more.
const HOSTILE =
  '\u0000\u0007\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egnp.exe\u2066\u200f\ufeff\u2028\r\n"\\</script>\ud83d\ude80'
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/

test('hostile text in parameters is shown as it is, as data, and sent as it is', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const params = {
    owner: 'acme',
    repo: 'rocket',
    title: `a${HOSTILE}`.padEnd(256, '\u202e').slice(0, 256),
    body: `${HOSTILE}${'\u202e'.repeat(65_536)}`.slice(0, 65_536),
    labels: [HOSTILE.slice(0, 49)],
  }
  const { id } = await holdCall(world, lease, 'github_create_issue', params)
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  expect(detail.status).toBe(200)
  const { plan } = detail.json() as { plan: { arguments: unknown; target: { body: string } } }
  expect(plan.arguments).toEqual(params)
  const { title, body, labels } = params
  expect(JSON.parse(plan.target.body)).toEqual({ title, body, labels })
  // On the wire JSON escapes what would do something to a terminal or a log.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  expect(detail.text).not.toMatch(/[\u0000-\u001f]/)
  expect((await approveCall(world, id)).status).toBe(200)
  expect(JSON.parse(String(world.upstream.requests.at(-1)?.body))).toEqual({ title, body, labels })
})

test('control characters in a reason reach neither the agent nor the record', async () => {
  const { world, lease, id } = await beginHeld()
  const reason = `stop${HOSTILE}now`
  const denied = await denyCall(world, id, { body: { reason } })
  const shown = String(denied.json()['deny_reason'])
  expect(shown).toMatch(/^stop.*now$/s)
  expect(shown).not.toMatch(CONTROLS)
  for (const [answer, member] of [
    [await asAgent(world, lease, `/v1/approvals/${id}/poll`), 'reason'],
    [await asAgent(world, lease, `/v1/approvals/${id}/result`), 'deny_reason'],
    [await approveCall(world, id), 'deny_reason'],
  ] as const) {
    expect(answer.json()[member]).toBe(shown)
    expect(answer.text).not.toMatch(CONTROLS)
  }
  expect(approvalLeaves(world.gate.project.ledger, id)[1]?.body['reason']).toBe(shown)
})

test('a reason is at most 500 bytes long, a title at most as long as its schema says', async () => {
  const { world, lease, id } = await beginHeld()
  const long = await denyCall(world, id, { body: { reason: 'é'.repeat(251) } })
  expect([long.status, long.json()]).toEqual([
    422,
    {
      error: 'invalid_request',
      path: '/reason',
      message: 'reason has at most 500 bytes',
      trace_id: ID,
    },
  ])
  const title = 'x'.repeat(1_000_000)
  const params = { owner: 'acme', repo: 'rocket', title }
  const refused = await executeRaw(world.client, lease, 'github_create_issue', params)
  expect([refused.status, refused.json()['error']]).toEqual([422, 'schema_violation'])
  expect(refused.text.length).toBeLessThan(2000)
  const huge = { ...params, title: 'x'.repeat(1_048_576) }
  const larger = await executeRaw(world.client, lease, 'github_create_issue', huge)
  expect([larger.status, larger.json()['error']]).toEqual([413, 'request_too_large'])
  const whole = await denyCall(world, id, { body: { reason: 'é'.repeat(250) } })
  expect(whole.json()['deny_reason']).toBe('é'.repeat(250))
})

test.each([
  ['a b', null],
  ['caf\u00e9', null],
  ['x'.repeat(65), null],
  ['crew-1"\\<b>', 'crew-1"\\<b>'],
])('the agent label %s is recorded as %s', async (label, recorded) => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const path = '/v1/actions/github_create_issue/execute'
  const answer = await world.client.send({
    method: 'POST',
    path,
    headers: { ...credentials(lease, 'POST', path), 'x-latchgate-agent': label },
    body: JSON.stringify(issue()),
  })
  expect(answer.status).toBe(202)
  expect(leavesOf(world, answer.json()['trace_id'])[0]?.body['agent_label']).toBe(recorded)
})

const SENSITIVE = `# Risk rationale: an action of the tests.
action_id: patient_update
version: "1.0.0"
description: Updates a patient.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: high
declared_side_effects: [http_write]
verifier_kind: http_status
verification_config: { expected_status: [200] }
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 100000000, memory_mb: 16, timeout_seconds: 5, max_io_calls: 3, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 65536
  request_schema:
    type: object
    additionalProperties: false
    required: [number, note]
    properties:
      number: { type: string, minLength: 1, maxLength: 40, x-sensitive: true }
      ward: { type: string, maxLength: 40 }
      note:
        type: object
        additionalProperties: false
        properties:
          diagnosis: { type: string, maxLength: 100, x-sensitive: true }
          colour: { type: string, maxLength: 40 }
  response_schema: { type: object, required: [ok, data], properties: { ok: { type: boolean }, data: { type: object } } }
template:
  method: POST
  url_template: "https://api.github.com/patients"
  query: { number: "{{number}}", ward: "{{ward}}" }
  body_template: { note: "{{note}}" }
`

test('members that the schema marks as sensitive are shown to no operator, and sent all the same', async () => {
  const acl = {
    'agent-test': { allowed_actions: ['patient_update'], allowed_sinks: ALL_SINKS },
  }
  const world = await begin({
    manifests: { 'patient.yaml': SENSITIVE },
    data: { policy_version: 't', acl },
  })
  const lease = await takeLease(world.client)
  const params = {
    number: 'HIDE-number-1234',
    ward: 'north',
    note: { diagnosis: 'HIDE-diagnosis', colour: 'blue' },
  }
  const { id } = await holdCall(world, lease, 'patient_update', params)
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  const list = await asOperator(world, 'GET', '/v1/approvals')
  for (const answer of [detail, list]) {
    expect(answer.status).toBe(200)
    expect(answer.text).not.toContain('HIDE')
  }
  const url = 'https://api.github.com/patients?number=%5Bhidden%5D&ward=north'
  expect(detail.json()).toMatchObject({
    hidden: ['/note/diagnosis', '/number'],
    target: `POST ${url}`,
    plan: {
      arguments: {
        number: '[hidden]',
        ward: 'north',
        note: { diagnosis: '[hidden]', colour: 'blue' },
      },
      target: { method: 'POST', url, body: '{"note":{"colour":"blue","diagnosis":"[hidden]"}}' },
    },
  })
  expect(list.json()).toMatchObject({ approvals: [{ target: 'POST [hidden]' }] })
  expect((await approveCall(world, id)).status).toBe(200)
  const sent = world.upstream.requests.at(-1)
  expect(sent?.url).toBe('/patients?number=HIDE-number-1234&ward=north')
  expect(JSON.parse(String(sent?.body))).toEqual({ note: params.note })
})

const POST = { url: 'https://api.example.com/v1/items', body: { a: 1 } }
let items = 0
const post = (): { readonly url: string; readonly body: unknown } => {
  items += 1
  return { ...POST, body: { item: items } }
}
const two = {
  policy_version: 'test-1',
  acl: {
    'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS },
    'agent-two': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS },
  },
}

/** The same gate, started again for another principal of this uid. */
async function asPrincipal(
  world: World,
  principal: string,
  use: (again: World) => Promise<void>,
): Promise<void> {
  const { project } = world.gate
  const config = readFileSync(project.configFile, 'utf8')
  writeFileSync(
    project.configFile,
    config.replace(/^principal = ".*"$/m, `principal = "${principal}"`),
  )
  const gate = await startTestGate(project)
  const client = new RawClient({ socket: project.socket })
  const admin = new RawClient({ socket: project.adminSocket })
  try {
    await use({ ...world, gate, client, admin })
  } finally {
    await client.close()
    await admin.close()
    await gate.close()
  }
}

test.each([
  ['in the body', { body: { learn: { domain: 'api.example.com' } } }, '', false],
  ['in the query', {}, '?learn_domain=api.example.com', false],
  [
    'in both, as the same',
    { body: { learn: { domain: 'api.example.com' } } },
    '?learn_domain=api.example.com',
    false,
  ],
  ['for everybody', { body: { learn: { domain: 'api.example.com', everybody: true } } }, '', true],
  [
    'for everybody, with the query',
    { body: { learn: { everybody: true } } },
    '?learn_domain=api.example.com',
    true,
  ],
] as const)(
  'a destination learned %s needs no approval any more, of whom it was learned for',
  async (_where, call, query, everybody) => {
    const world = await begin({ data: two })
    const lease = await takeLease(world.client)
    const { id, answer } = await holdCall(world, lease, 'http_post', post())
    expect(leavesOf(world, answer.json()['trace_id'])[0]?.body['reasons']).toEqual([
      { code: 'unresolved_domain', detail: "'api.example.com' is not on the allow list" },
    ])
    const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
    expect(detail.json()['unresolved_domains']).toEqual(['api.example.com'])
    const approved = await asOperator(world, 'POST', `/v1/approvals/${id}/approve${query}`, call)
    expect([approved.status, approved.json()]).toMatchObject([
      200,
      { decision: 'executed', learned_domain: 'api.example.com' },
    ])
    const next = await executeRaw(world.client, lease, 'http_post', post())
    expect([next.status, next.json()['decision']]).toEqual([200, 'executed'])
    // Of this action and of this host.
    const other = await executeRaw(world.client, lease, 'http_put', post())
    expect(other.status).toBe(202)
    const elsewhere = { ...post(), url: 'https://hooks.slack.com/x' }
    expect((await executeRaw(world.client, lease, 'http_post', elsewhere)).status).toBe(202)
    await world.gate.close()
    await asPrincipal(world, 'agent-two', async (again) => {
      const theirs = await takeLease(again.client)
      const call = await executeRaw(again.client, theirs, 'http_post', post())
      expect(call.status).toBe(everybody ? 200 : 202)
    })
    await asPrincipal(world, 'agent-test', async (again) => {
      const mine = await takeLease(again.client)
      expect((await executeRaw(again.client, mine, 'http_post', post())).status).toBe(200)
    })
  },
)

test('nothing is learned of itself, nor from a call that did not succeed', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const plain = await holdCall(world, lease, 'http_post', post())
  expect((await approveCall(world, plain.id)).json()).not.toHaveProperty('learned_domain')
  world.upstream.on('POST', '/v1/items', () => ({ status: 500, body: 'no' }))
  const failing = await holdCall(world, lease, 'http_post', post())
  const body = { learn: { domain: 'api.example.com' } }
  const failed = await approveCall(world, failing.id, { body })
  expect([failed.status, failed.json()]).toMatchObject([200, { output: { ok: false } }])
  expect(failed.json()).not.toHaveProperty('learned_domain')
  expect((await executeRaw(world.client, lease, 'http_post', post())).status).toBe(202)
})

const DOES_NOT_COVER = "it does not cover 'api.example.com', which this call goes to"
test.each([
  [
    '?learn_domain=*.com',
    "invalid learn_domain '*.com': the wildcard would cover a whole top-level domain",
  ],
  [
    '?learn_domain=localhost',
    "invalid learn_domain 'localhost': localhost is not a public destination",
  ],
  ['?learn_domain=10.0.0.1', "invalid learn_domain '10.0.0.1': the address is not public"],
  ['?learn_domain=', "invalid learn_domain '': it is empty"],
  [
    '?learn_domain=other.example.com',
    `invalid learn_domain 'other.example.com': ${DOES_NOT_COVER}`,
  ],
  ['?learn_domain=a%20b.com', "invalid learn_domain 'a b.com': it contains white space"],
  ['?learn_path=notes/**', "invalid learn_path 'notes/**': this call was not held for a path"],
  [
    '?learn_path=/etc/*',
    "invalid learn_path '/etc/*': it must be relative to the root of the session",
  ],
  ['?learn_domain=api.example.com&learn_domain=api.example.com', 'learn_domain must be given once'],
])('approving with %s is refused, and decides nothing', async (query, reason) => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'http_post', post())
  const answer = await asOperator(world, 'POST', `/v1/approvals/${id}/approve${query}`)
  expect([answer.status, answer.json()]).toEqual([
    400,
    { error: 'bad_request', deny_reason: reason, message: reason, trace_id: ID },
  ])
  expect(recordsOf(world.gate.project.ledger, id)).toEqual(['hold pending_approval'])
  expect(world.upstream.requestsStarted).toBe(0)
})

test('what body and query want learned must be the same', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'http_post', post())
  const path = `/v1/approvals/${id}/approve?learn_domain=example.com`
  const body = { learn: { domain: 'api.example.com' } }
  const answer = await asOperator(world, 'POST', path, { body })
  const reason =
    "learn_domain is 'example.com', and learn.domain of the body is 'api.example.com': give one"
  expect([answer.status, answer.json()]).toEqual([
    400,
    { error: 'bad_request', deny_reason: reason, message: reason, trace_id: ID },
  ])
  expect(world.upstream.requestsStarted).toBe(0)
})

test('while the gate drains nothing is approved, and anything can be denied', async () => {
  const { world, lease, id } = await beginHeld()
  const other = await holdCall(world, lease, 'github_create_issue', issue())
  expect((await asOperator(world, 'POST', '/v1/admin/drain')).status).toBe(200)
  const refused = await approveCall(world, id)
  expect([refused.status, refused.headers['retry-after'], refused.json()]).toEqual([
    503,
    '5',
    { error: 'draining', message: 'The gate is shutting down.', trace_id: ID },
  ])
  expect((await denyCall(world, other.id)).json()['decision']).toBe('deny')
  expect((await asOperator(world, 'DELETE', '/v1/admin/drain')).status).toBe(200)
  expect((await approveCall(world, id)).json()['decision']).toBe('executed')
  expect(world.upstream.requestsStarted).toBe(1)
})

test('what was held is done when it is approved, also when the lease has expired meanwhile', async () => {
  const clock = new ManualClock(Date.now())
  const world = await begin({ tables: '[approvals]\nttl_seconds = 86400' }, { now: clock.now })
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  clock.advance(86_000_000)
  const late = await executeRaw(world.client, lease, 'http_fetch', POST, secondsOf(clock.now))
  expect([late.status, late.json()['error']]).toEqual([401, 'lease_expired'])
  const approved = await approveCall(world, id)
  expect([approved.status, approved.json()['decision']]).toEqual([200, 'executed'])
  expect(world.upstream.requestsStarted).toBe(1)
})

test('a call whose budget was used up meanwhile is refused when it is approved, for good', async () => {
  const world = await begin()
  const lease = await takeLease(world.client, { budgets: { max_calls: 1 } })
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  const url = 'https://api.github.com/'
  expect((await executeRaw(world.client, lease, 'http_fetch', { url })).status).toBe(200)
  const refused = await approveCall(world, id)
  expect([refused.status, refused.json()]).toEqual([
    403,
    { error: 'budget_exhausted', message: 'The lease has no calls left.', trace_id: ID },
  ])
  expect(recordsOf(world.gate.project.ledger, id)).toEqual([
    'hold pending_approval',
    'approval failed',
  ])
  const result = await asAgent(world, lease, `/v1/approvals/${id}/result`)
  expect([result.status, result.json()['error']]).toEqual([403, 'budget_exhausted'])
  expect((await approveCall(world, id)).json()).toMatchObject({
    decision: 'already_failed',
    error_code: 'budget_exhausted',
  })
  expect(world.upstream.requestsStarted).toBe(1)
})
