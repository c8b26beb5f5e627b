import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtinManifestDirectory } from '@latchgate/catalogue/node'
import type { RecordedRequest, UpstreamHandler } from '@latchgate/testkit'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { leavesOf } from '../src/harness/evidence.js'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const GITHUB_TOKEN = 'ghp_0123456789abcdefghijklmnop'
const BEARER_TOKEN = 'bearer-0123456789abcdef'
const API_TOKEN = 'api-token-0123456789abcdef'
const WEBHOOK = 'https://hooks.slack.com/services/T00000000/B00000000/0123456789abcdefghijklmn'

const ENV = {
  LATCHGATE_SECRET_GITHUB_TOKEN: GITHUB_TOKEN,
  LATCHGATE_SECRET_API_BEARER_TOKEN: BEARER_TOKEN,
  LATCHGATE_SECRET_API_TOKEN: API_TOKEN,
  LATCHGATE_SECRET_SLACK_WEBHOOK_URL: WEBHOOK,
}

/** Actions for which every host needs an approval: an operator copies the file and lists his host. */
const ANY_HOST = [
  'http_bearer_get',
  'http_delete',
  'http_patch',
  'http_put',
  'http_sensitive_read',
  'webhook_notify',
]

const HIGH = ['github_create_issue', 'http_delete', 'http_sensitive_read']

const acl = { 'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } }
const bypass = Object.fromEntries(HIGH.map((id) => [id, { 'agent-test': true }]))

const TABLES = `[rate_limits]
execute_rps_per_session = 1000
execute_rps_per_principal = 1000
[secrets.hosts]
API_BEARER_TOKEN = ["api.example.com"]
API_TOKEN = ["api.example.com"]
`

/** The catalogue as an operator adapts it to his API, and as it is shipped. */
let adapted: World
let shipped: World
let lease: HeldLease
let shippedLease: HeldLease

beforeAll(async () => {
  const manifests = Object.fromEntries(ANY_HOST.map((id) => [`${id}.yaml`, withHost(id)]))
  const data = { policy_version: 't', acl, latchgate: { allowlist: bypass } }
  adapted = await startWorld({ manifests, data, tables: TABLES }, { env: ENV })
  shipped = await startWorld({ tables: TABLES }, { env: ENV })
  lease = await takeLease(adapted.client)
  shippedLease = await takeLease(shipped.client)
})

afterAll(async () => {
  await adapted?.close()
  await shipped?.close()
})

beforeEach(() => {
  adapted.upstream.clear()
})

function withHost(action: string): string {
  const text = readFileSync(join(builtinManifestDirectory(), `${action}.yaml`), 'utf8')
  const listed = text.replace('allowed_domains: []', 'allowed_domains: [api.example.com]')
  if (listed === text) throw new Error(`${action} has an allow list of its own`)
  return listed
}

/** What a call looks like from both ends. */
interface Row {
  readonly title: string
  readonly action: string
  readonly params: unknown
  /** Method, host, path with query. */
  readonly sends: readonly [method: string, host: string, path: string]
  /** Beside host, accept-encoding and connection, which every request has. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly answers: { readonly status?: number; readonly body?: object | string }
  /** The URL that the agent is shown, where it is not the one that was called. */
  readonly shows?: string
}

const GITHUB = {
  accept: 'application/vnd.github+json',
  'user-agent': 'latchgate/0.3',
  'x-github-api-version': '2022-11-28',
  authorization: `Bearer ${GITHUB_TOKEN}`,
}
const AGENT = { 'user-agent': 'latchgate/0.3' }
const JSON_ANSWER = { accept: 'application/json, */*;q=0.5', ...AGENT }
const JSON_BODY = { ...JSON_ANSWER, 'content-type': 'application/json' }
const ISSUE = {
  id: 1,
  number: 1347,
  html_url: 'https://github.com/octocat/Hello-World/issues/1347',
  title: 'Found a bug',
}

const rows: readonly Row[] = [
  {
    title: 'http_fetch gets a URL, without credentials and without its fragment',
    action: 'http_fetch',
    params: { url: 'https://httpbin.org/get?a=1&b=%20#part' },
    sends: ['GET', 'httpbin.org', '/get?a=1&b=%20'],
    headers: { accept: 'application/json, text/*;q=0.9, */*;q=0.5', ...AGENT },
    answers: { body: 'text' },
  },
  {
    title: 'http_post sends any JSON in its canonical form',
    action: 'http_post',
    params: { url: 'https://httpbin.org/post', body: { b: [1, true, null], a: 'ü' } },
    sends: ['POST', 'httpbin.org', '/post'],
    headers: JSON_BODY,
    body: '{"a":"ü","b":[1,true,null]}',
    answers: { status: 201, body: { id: 1 } },
  },
  {
    title: 'http_post sends a string exactly as it is',
    action: 'http_post',
    params: { url: 'https://httpbin.org/post', body: '{"already":  "JSON"}\n' },
    sends: ['POST', 'httpbin.org', '/post'],
    headers: JSON_BODY,
    body: '{"already":  "JSON"}\n',
    answers: {},
  },
  {
    title: 'http_put sends the token that is bound to the host',
    action: 'http_put',
    params: { url: 'https://api.example.com/v1/items/7', body: { name: 'x' } },
    sends: ['PUT', 'api.example.com', '/v1/items/7'],
    headers: { ...JSON_BODY, authorization: `Bearer ${API_TOKEN}` },
    body: '{"name":"x"}',
    answers: { status: 204, body: '' },
  },
  {
    title: 'http_patch does the same with PATCH',
    action: 'http_patch',
    params: { url: 'https://api.example.com/v1/items/7', body: [{ op: 'remove', path: '/a' }] },
    sends: ['PATCH', 'api.example.com', '/v1/items/7'],
    headers: { ...JSON_BODY, authorization: `Bearer ${API_TOKEN}` },
    body: '[{"op":"remove","path":"/a"}]',
    answers: { body: { id: 7 } },
  },
  {
    title: 'http_delete sends a DELETE, not a GET, and no body',
    action: 'http_delete',
    params: { url: 'https://api.example.com/v1/items/7' },
    sends: ['DELETE', 'api.example.com', '/v1/items/7'],
    headers: { ...JSON_ANSWER, authorization: `Bearer ${API_TOKEN}` },
    answers: { status: 204, body: '' },
  },
  {
    title: 'http_bearer_get sends the bearer token that is bound to the host',
    action: 'http_bearer_get',
    params: { url: 'https://api.example.com/v1/me' },
    sends: ['GET', 'api.example.com', '/v1/me'],
    headers: { ...JSON_ANSWER, authorization: `Bearer ${BEARER_TOKEN}` },
    answers: { body: { name: 'x' } },
  },
  {
    title: 'http_sensitive_read does the same',
    action: 'http_sensitive_read',
    params: { url: 'https://api.example.com/v1/accounts' },
    sends: ['GET', 'api.example.com', '/v1/accounts'],
    headers: { ...JSON_ANSWER, authorization: `Bearer ${BEARER_TOKEN}` },
    answers: { body: [{ iban: 'XX00' }] },
  },
  {
    title: 'github_read keeps the slashes of its path and encodes its query',
    action: 'github_read',
    params: {
      path: 'repos/octocat/Hello-World/contents/a b.md',
      query: { ref: 'feature/x', page: 2 },
    },
    sends: [
      'GET',
      'api.github.com',
      '/repos/octocat/Hello-World/contents/a%20b.md?ref=feature%2Fx&page=2',
    ],
    headers: GITHUB,
    answers: { body: { name: 'a b.md' } },
  },
  {
    title: 'github_search sends its query as q, with ten hits a page',
    action: 'github_search',
    params: { category: 'issues', query: 'repo:nodejs/node is:issue label:"good first issue"' },
    sends: [
      'GET',
      'api.github.com',
      '/search/issues?per_page=10&q=repo%3Anodejs%2Fnode%20is%3Aissue%20label%3A%22good%20first%20issue%22',
    ],
    headers: GITHUB,
    answers: { body: { total_count: 0, items: [] } },
  },
  {
    title: 'github_search sends what else it is asked for',
    action: 'github_search',
    params: {
      category: 'repositories',
      query: 'language:go',
      per_page: '100',
      page: 3,
      sort: 'stars',
      order: 'asc',
    },
    sends: [
      'GET',
      'api.github.com',
      '/search/repositories?order=asc&page=3&per_page=100&q=language%3Ago&sort=stars',
    ],
    headers: GITHUB,
    answers: { body: { total_count: 0, items: [] } },
  },
  {
    title: 'github_create_issue creates an issue, and a title of 42 stays a text',
    action: 'github_create_issue',
    params: { owner: 'octocat', repo: 'Hello-World', title: '42', labels: ['bug'] },
    sends: ['POST', 'api.github.com', '/repos/octocat/Hello-World/issues'],
    headers: { ...GITHUB, 'content-type': 'application/json' },
    body: '{"labels":["bug"],"title":"42"}',
    answers: { status: 201, body: ISSUE },
  },
  {
    title: 'github_create_issue sends every member of an issue',
    action: 'github_create_issue',
    params: {
      owner: 'octocat',
      repo: 'Hello-World',
      title: 'Found a bug',
      body: '# Steps\n\n"quoted" \\ ü',
      labels: ['bug', 'ui'],
      assignees: ['octocat'],
    },
    sends: ['POST', 'api.github.com', '/repos/octocat/Hello-World/issues'],
    headers: { ...GITHUB, 'content-type': 'application/json' },
    body:
      '{"assignees":["octocat"],"body":"# Steps\\n\\n\\"quoted\\" \\\\ ü",' +
      '"labels":["bug","ui"],"title":"Found a bug"}',
    answers: { status: 201, body: ISSUE },
  },
  {
    title: 'github_comment_issue comments on an issue',
    action: 'github_comment_issue',
    params: { owner: 'octocat', repo: 'Hello-World', issue_number: 1347, body: 'Me too' },
    sends: ['POST', 'api.github.com', '/repos/octocat/Hello-World/issues/1347/comments'],
    headers: { ...GITHUB, 'content-type': 'application/json' },
    body: '{"body":"Me too"}',
    answers: { status: 201, body: { id: 9, html_url: 'https://github.com/x', body: 'Me too' } },
  },
  {
    title: 'slack_post posts the text to the webhook, which the agent is not shown',
    action: 'slack_post',
    params: { text: 'Build *42* &lt;passed&gt;' },
    sends: ['POST', 'hooks.slack.com', '/services/T00000000/B00000000/0123456789abcdefghijklmn'],
    headers: { accept: '*/*', 'content-type': 'application/json', ...AGENT },
    body: '{"text":"Build *42* &lt;passed&gt;"}',
    answers: { body: 'ok' },
    shows: 'https://hooks.slack.com/services/',
  },
  {
    title: 'webhook_notify posts event and payload, whatever JSON that is',
    action: 'webhook_notify',
    params: {
      url: 'https://api.example.com/hooks/1',
      event: 'build.finished',
      payload: { passed: true },
    },
    sends: ['POST', 'api.example.com', '/hooks/1'],
    headers: { accept: '*/*', 'content-type': 'application/json', ...AGENT },
    body: '{"event":"build.finished","payload":{"passed":true}}',
    answers: { status: 202, body: '' },
  },
  {
    title: 'webhook_notify leaves an absent payload out',
    action: 'webhook_notify',
    params: { url: 'https://api.example.com/hooks/1', event: 'ping' },
    sends: ['POST', 'api.example.com', '/hooks/1'],
    headers: { accept: '*/*', 'content-type': 'application/json', ...AGENT },
    body: '{"event":"ping"}',
    answers: { body: '' },
  },
  {
    title: 'wikipedia_read asks the Wikipedia of that language, and says who asks',
    action: 'wikipedia_read',
    params: { lang: 'en', endpoint: 'page/summary/Zürich_(city)', query: { redirect: false } },
    sends: [
      'GET',
      'en.wikipedia.org',
      '/api/rest_v1/page/summary/Z%C3%BCrich_%28city%29?redirect=false',
    ],
    headers: {
      accept: 'application/json, */*;q=0.5',
      'user-agent': 'latchgate/0.3 (execution gate for AI agents)',
    },
    answers: { body: { title: 'Zürich' } },
  },
]

for (const row of rows) {
  test(`${row.title}`, async () => {
    const [method, host, path] = row.sends
    adapted.upstream.on(method, path.split('?')[0] ?? '', () => row.answers)
    const answer = await executeRaw(adapted.client, lease, row.action, row.params)
    expect(answer.status, answer.text).toBe(200)

    expect(adapted.upstream.requests).toHaveLength(1)
    const sent = adapted.upstream.requests[0] as RecordedRequest
    expect([sent.method, sent.headers['host'], sent.url]).toEqual([method, host, path])
    expect(sent.tlsServername).toBe(host)
    const body = row.body ?? ''
    const length = method === 'POST' || method === 'PUT' || method === 'PATCH'
    expect(Object.fromEntries(sent.rawHeaders)).toEqual({
      host,
      connection: 'keep-alive',
      'accept-encoding': 'gzip, deflate, br',
      ...(length ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
      ...row.headers,
    })
    expect(sent.body.toString('utf8')).toBe(body)

    const { answers } = row
    const text =
      typeof answers.body === 'string' ? answers.body : JSON.stringify(answers.body ?? '')
    expect(answer.json()).toMatchObject({
      decision: 'executed',
      action_id: row.action,
      output: {
        ok: true,
        data: {
          status_code: answers.status ?? 200,
          body: answers.body === undefined ? '' : text,
          url: row.shows ?? `https://${host}${path}`,
        },
      },
      verification: { outcome: 'verified', is_fully_successful: true },
    })
    for (const secret of Object.values(ENV)) expect(answer.text).not.toContain(secret)
  })
}

test('every action of the catalogue has been executed', () => {
  expect([...new Set(rows.map((row) => row.action))].sort()).toEqual(ALL_ACTIONS)
})

/** What an API says when it did not do it. */
const refusals: readonly (readonly [string, unknown, string, number, string])[] = [
  [
    'slack_post',
    { text: 'x' },
    'POST /services/T00000000/B00000000/0123456789abcdefghijklmn',
    404,
    'no_service',
  ],
  [
    'slack_post',
    { text: 'x' },
    'POST /services/T00000000/B00000000/0123456789abcdefghijklmn',
    201,
    'ok',
  ],
  [
    'github_create_issue',
    issue(),
    'POST /repos/octocat/x/issues',
    410,
    '{"message":"Issues are disabled"}',
  ],
  ['github_create_issue', issue(), 'POST /repos/octocat/x/issues', 200, JSON.stringify(ISSUE)],
  [
    'github_read',
    { path: 'repos/octocat/old' },
    'GET /repos/octocat/old',
    301,
    '{"message":"Moved"}',
  ],
  ['http_delete', { url: 'https://api.example.com/i/9' }, 'DELETE /i/9', 404, 'gone'],
  ['http_post', { url: 'https://httpbin.org/post', body: 1 }, 'POST /post', 500, ''],
  [
    'wikipedia_read',
    { lang: 'en', endpoint: 'page/summary/Alan Turing' },
    'GET /api/rest_v1/page/summary/Alan%20Turing',
    301,
    '',
  ],
]

for (const [action, params, route, status, body] of refusals) {
  test(`${action} is not done when the API answers ${status} with '${body.slice(0, 20)}'`, async () => {
    answerWith(route, () => ({ status, body }))
    const answer = await executeRaw(adapted.client, lease, action, params)
    expect(answer.status, answer.text).toBe(200)
    expect(answer.json()).toMatchObject({
      output: {
        ok: false,
        error: { code: 'upstream_status', status },
        data: { status_code: status, body },
      },
      verification: { outcome: 'verification_failed', is_fully_successful: false },
    })
  })
}

for (const [action, params, route, missing] of [
  ['github_create_issue', issue(), 'POST /repos/octocat/x/issues', { ...ISSUE, number: null }],
  ['github_create_issue', issue(), 'POST /repos/octocat/x/issues', { ok: true, data: {} }],
  [
    'github_comment_issue',
    { owner: 'octocat', repo: 'x', issue_number: 1, body: 'x' },
    'POST /repos/octocat/x/issues/1/comments',
    { id: 1 },
  ],
] as const) {
  test(`${action}: 201 without what shows the effect, ${JSON.stringify(missing).slice(0, 30)}, is not verified`, async () => {
    answerWith(route, () => ({ status: 201, body: missing }))
    const answer = await executeRaw(adapted.client, lease, action, params)
    expect(answer.json()).toMatchObject({
      output: { ok: true, data: { status_code: 201 } },
      verification: { outcome: 'verification_failed', is_fully_successful: false },
    })
  })
}

test('an answer that repeats the webhook does not give it to the agent', async () => {
  const path = new URL(WEBHOOK).pathname
  answerWith(`POST ${path}`, (request) => ({
    body: `posted to ${WEBHOOK}, that is ${request.url}`,
  }))
  const answer = await executeRaw(adapted.client, lease, 'slack_post', { text: 'x' })
  expect(answer.status).toBe(200)
  expect(answer.text).not.toContain('0123456789abcdefghijklmn')
})

for (const [action, params] of [
  ['github_create_issue', issue()],
  ['http_delete', { url: 'https://api.example.com/v1/items/7' }],
  ['http_sensitive_read', { url: 'https://api.example.com/v1/accounts' }],
  ['http_put', { url: 'https://api.example.com/v1/items/7', body: 1 }],
  ['http_patch', { url: 'https://api.example.com/v1/items/7', body: 1 }],
  ['http_bearer_get', { url: 'https://api.example.com/v1/me' }],
  ['http_post', { url: 'https://api.example.com/v1/items', body: 1 }],
  ['http_fetch', { url: 'https://api.example.com/v1/items' }],
  ['webhook_notify', { url: 'https://api.example.com/hooks/1', event: 'x' }],
] as const) {
  test(`as shipped, ${action} is held for a human, and nothing is sent`, async () => {
    const before = shipped.upstream.requestsStarted
    const answer = await executeRaw(shipped.client, shippedLease, action, params)
    expect(answer.status, answer.text).toBe(202)
    const why = [
      ...(HIGH.includes(action) ? ['risk'] : []),
      ...(action === 'github_create_issue' ? [] : ['unresolved_domain']),
    ]
    const [held] = leavesOf(shipped, answer.json()['trace_id'])
    const reasons = held?.body['reasons'] as readonly { readonly code: string }[]
    expect(reasons.map(({ code }) => code)).toEqual(why)
    expect(shipped.upstream.requestsStarted).toBe(before)
  })
}

test('a token that is bound to another host is not sent, and neither is the call', async () => {
  const before = adapted.upstream.requestsStarted
  const url = 'https://other.api.example.com/v1/items'
  for (const [action, secret] of [
    ['http_put', 'API_TOKEN'],
    ['http_bearer_get', 'API_BEARER_TOKEN'],
  ] as const) {
    const params = action === 'http_put' ? { url, body: 1 } : { url }
    const answer = await executeRaw(adapted.client, lease, action, params)
    expect(answer.status, answer.text).toBe(403)
    expect(answer.json()).toMatchObject({
      error: 'policy_denied',
      deny_reason: 'secret_not_bound_to_host',
      message: expect.stringContaining(
        `[secrets.hosts] ${secret} = ["other.api.example.com"]`,
      ) as string,
    })
  }
  expect(adapted.upstream.requestsStarted).toBe(before)
})

const invalid: readonly (readonly [string, unknown, string, string])[] = [
  ['github_read', { path: '/user' }, '/path', "must not begin or end with '/'"],
  ['github_read', { path: 'repos/../user' }, '/path', "must not contain the segment '.' or '..'"],
  [
    'github_read',
    { path: 'user?x=1' },
    '/path',
    "must not contain '?': put the query into 'query'",
  ],
  ['github_create_issue', { ...issue(), repo: '..' }, '/repo', "must not be '.' or '..'"],
  ['github_create_issue', { ...issue(), owner: 'a/b' }, '/owner', 'must match pattern'],
  ['github_create_issue', { ...issue(), tilte: 'x' }, '/tilte', "did you mean 'title'?"],
  [
    'github_search',
    { category: 'isues', query: 'x' },
    '/category',
    'must be one of "repositories"',
  ],
  ['wikipedia_read', { lang: 'en.evil.com/', endpoint: 'x' }, '/lang', 'must match pattern'],
  ['slack_post', { message: 'x' }, '/text', 'is required'],
  ['slack_post', { text: 'x', webhook_url: WEBHOOK }, '/webhook_url', 'is not a known parameter'],
  ['http_fetch', { url: 'not a url' }, '/url', 'must be an absolute URL'],
  ['http_post', { url: 'https://httpbin.org/' }, '/body', 'is required'],
]

for (const [action, params, path, message] of invalid) {
  test(`${action} refuses ${path} and says that it ${message}`, async () => {
    const answer = await executeRaw(adapted.client, lease, action, params)
    expect(answer.status, answer.text).toBe(422)
    expect(answer.json()).toMatchObject({ error: 'schema_violation', path })
    expect(answer.json()['message']).toContain(message)
    expect(adapted.upstream.requests).toEqual([])
  })
}

test('without its optional token github_read reads what is public', async () => {
  const world = await startWorld()
  try {
    const answer: RawAnswer = await executeRaw(
      world.client,
      await takeLease(world.client),
      'github_read',
      { path: 'zen' },
    )
    expect(answer.status, answer.text).toBe(200)
    expect(world.upstream.requests[0]?.headers).not.toHaveProperty('authorization')
    const posting = await executeRaw(world.client, await takeLease(world.client), 'slack_post', {
      text: 'x',
    })
    expect(posting.status).toBe(403)
    expect(posting.json()).toMatchObject({
      error: 'policy_denied',
      deny_reason: 'required secret is missing: SLACK_WEBHOOK_URL',
    })
  } finally {
    await world.close()
  }
})

function issue(): { readonly owner: string; readonly repo: string; readonly title: string } {
  return { owner: 'octocat', repo: 'x', title: 'Found a bug' }
}

function answerWith(route: string, handler: UpstreamHandler): void {
  const [method = '', path = ''] = route.split(' ')
  adapted.upstream.on(method, path, handler)
}
