import { afterAll, beforeAll, expect, test } from 'vitest'
import { decisionOf, leaksOf, leavesOf } from '../src/harness/evidence.js'
import { executeRaw, type HeldLease, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const TRACE = expect.stringMatching(/^[0-9a-f-]{36}$/)
const TOKEN = 'ghp_0123456789abcdefghijklmnop'

let world: World
let lease: HeldLease
const asked: string[] = []
const answers: RawAnswer[] = []

beforeAll(async () => {
  world = await startWorld(
    {
      tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000',
    },
    {
      env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN },
      lookup: async (host) => {
        asked.push(host)
        return ['127.0.0.1']
      },
    },
  )
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

async function call(action: string, params: unknown): Promise<RawAnswer> {
  const before = world.upstream.connectionsOpened
  const answer = await executeRaw(world.client, lease, action, params)
  expect(world.upstream.connectionsOpened, 'nobody was connected to').toBe(before)
  answers.push(answer)
  return answer
}

function expectDenied(answer: RawAnswer, code: string, reason: string | RegExp): void {
  const decision = decisionOf(world, answer)
  expect(decision).toMatchObject({ principal: 'agent-test', decision: 'deny', code })
  if (typeof reason === 'string') expect(decision['deny_reason']).toBe(reason)
  else expect(decision['deny_reason']).toMatch(reason)
  expect(leavesOf(world, answer.json()['trace_id'])).toHaveLength(1)
}

test.each([
  ['http://127.0.0.1/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://127.1/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://2130706433/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://0x7f000001/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://0177.0.0.1/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://0x7f.1/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://127。0。0。1/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://%31%32%37.0.0.1/', '127.0.0.1 is not a public address (loopback, 127.0.0.0/8)'],
  ['http://0/', /^0\.0\.0\.0 is not a public address/],
  ['http://10.0.0.1/', /^10\.0\.0\.1 is not a public address/],
  ['http://192.168.1.1/', /^192\.168\.1\.1 is not a public address/],
  ['http://100.64.0.1/', /^100\.64\.0\.1 is not a public address/],
  ['http://169.254.169.254/latest/meta-data/', /^169\.254\.169\.254 is not a public address/],
  ['http://255.255.255.255/', /^255\.255\.255\.255 is not a public address/],
  ['http://[::1]/', /^\[::1\] is not a public address/],
  ['http://[::]/', /^\[::\] is not a public address/],
  ['http://[fe80::1]/', /^\[fe80::1\] is not a public address/],
  ['http://[fd00::1]/', /^\[fd00::1\] is not a public address/],
  ['http://[::ffff:127.0.0.1]/', /^\[::ffff:7f00:1\] is not a public address/],
  ['http://[::ffff:a9fe:a9fe]/', /^\[::ffff:a9fe:a9fe\] is not a public address/],
  ['http://[::127.0.0.1]/', /^\[::7f00:1\] is not a public address/],
  ['http://[64:ff9b::7f00:1]/', /^\[64:ff9b::7f00:1\] is not a public address/],
  ['http://[2002:7f00:1::]/', /^\[2002:7f00:1::\] is not a public address/],
  [
    'https://api.github.com:8443/',
    'port 8443 is not allowed for https (https uses 443, http uses 80)',
  ],
  [
    'http://hacker-news.firebaseio.com:443/',
    'port 443 is not allowed for http (https uses 443, http uses 80)',
  ],
  ['https://api.github.com:22/', 'port 22 is not allowed for https (https uses 443, http uses 80)'],
  ['https://api.github.com./', 'a host with a trailing dot is not allowed'],
  ['https://api.github.com../', 'a host with a trailing dot is not allowed'],
])('%s is visibly not allowed: 403 egress_denied', async (url, why) => {
  const answer = await call('http_fetch', { url })
  expect(answer.status, answer.text).toBe(403)
  const body = answer.json()
  const reason = String(body['deny_reason'])
  expect(body).toEqual({
    error: 'policy_denied',
    deny_reason: reason,
    principal: 'agent-test',
    action_id: 'http_fetch',
    message: reason,
    trace_id: TRACE,
  })
  if (typeof why === 'string') expect(reason).toBe(`egress_denied: ${why}`)
  else expect(reason.replace(/^egress_denied: /, '')).toMatch(why)
  expectDenied(answer, 'policy_denied', reason)
})

test.each([
  ['https://evil.com/@api.github.com', 'evil.com'],
  ['https://evil.com/api.github.com', 'evil.com'],
  ['https://evil.com?@api.github.com', 'evil.com'],
  ['https://evil.com#@api.github.com/', 'evil.com'],
  ['https://evil.com\\@api.github.com/', 'evil.com'],
  ['https:evil.com/', 'evil.com'],
  ['https:/\\evil.com/', 'evil.com'],
  ['https://EVIL.com/@api.github.com', 'evil.com'],
  ['https://%65vil.com/@api.github.com', 'evil.com'],
  ['https://api.github.com.evil.com/', 'api.github.com.evil.com'],
  ['https://api-github.com/', 'api-github.com'],
  ['https://xapi.github.com/', 'xapi.github.com'],
  ['https://github.com/', 'github.com'],
  ['https://wikipedia.org.evil.com/', 'wikipedia.org.evil.com'],
  ['https://evilwikipedia.org/', 'evilwikipedia.org'],
  ['https://аpi.github.com/', 'xn--pi-6kc.github.com'],
  ['https://localhost/', 'localhost'],
])('%s leads to %s, which is on no list: it is held for a human', async (url, host) => {
  const answer = await call('http_fetch', { url })
  expect(answer.status, answer.text).toBe(202)
  const [held, ...others] = leavesOf(world, answer.json()['trace_id'])
  expect(others).toEqual([])
  const detail = `'${host}' is not on the allow list`
  expect(held).toMatchObject({
    type: 'hold',
    body: { reasons: [{ code: 'unresolved_domain', detail }] },
  })
})

test.each([
  ['https://user@api.github.com/', 'must not contain user information (name:password@)'],
  ['https://user:pass@api.github.com/', 'must not contain user information (name:password@)'],
  ['https://api.github.com@evil.com/', 'must not contain user information (name:password@)'],
  ['https://api.github.com%40evil.com/', null],
  ['https://:@api.github.com:x/', null],
  ['ftp://api.github.com/', 'must be an http or https URL'],
  ['file:///etc/passwd', 'must be an http or https URL'],
  ['javascript:alert(1)', 'must be an http or https URL'],
  ['//api.github.com/', null],
  ['api.github.com', null],
  ['https://api.github.com/\t', null],
  ['https://api.git\nhub.com/', null],
  ['https://api.github.com/a b', null],
  ['https://[fe80::1%25eth0]/', null],
  ['https://', null],
])('%j is no URL that a call may have: 422 that names the member', async (url, why) => {
  const answer = await call('http_fetch', { url })
  expect(answer.status, answer.text).toBe(422)
  const body = answer.json()
  expect(body).toEqual({
    error: 'schema_violation',
    path: '/url',
    reason: body['message'],
    message: why === null ? expect.stringMatching(/^\/url /) : `/url ${why}`,
    trace_id: TRACE,
  })
  expectDenied(answer, 'schema_violation', /(?:template resolution failed|request schema): \/url /)
})

test.each([
  ['github_read', { path: '../user' }],
  ['github_read', { path: 'repos/../../user' }],
  ['github_read', { path: 'repos//user' }],
  ['github_read', { path: 'user?x=1' }],
  ['github_read', { path: 'user#x' }],
  ['github_read', { path: 'a\\b' }],
  ['github_read', { path: '.' }],
  ['github_comment_issue', { owner: '..', repo: 'x', issue_number: 1, body: 'x' }],
  ['wikipedia_read', { lang: 'en.evil.com/', title: 'x' }],
  ['wikipedia_read', { lang: 'en@evil', title: 'x' }],
])('a parameter of %s cannot leave its place in the URL: %j', async (action, params) => {
  const answer = await call(action, params)
  expect(answer.status, answer.text).toBe(422)
  expect(answer.json()).toMatchObject({ error: 'schema_violation', path: /^\// })
  expectDenied(answer, 'schema_violation', /./)
})

test('a URL may have 8192 characters as it is sent: such a call has its intent and its receipt', async () => {
  const longest = `https://api.github.com/${'\u754c'.repeat(907)}`
  expect(new URL(longest).href).toHaveLength(8186)
  const answer = await executeRaw(world.client, lease, 'http_fetch', { url: longest })
  expect(answer.status, answer.text).toBe(200)
  const types = leavesOf(world, answer.json()['trace_id']).map(({ type }) => type)
  expect(types).toEqual(['intent', 'receipt', 'decision'])
  const tooLong = await call('http_fetch', { url: `${longest}\u754c` })
  expect(tooLong.status, tooLong.text).toBe(422)
  expect(tooLong.json()['message']).toBe('/ the URL is longer than 8192 characters')
  expectDenied(tooLong, 'schema_violation', /longer than 8192/)
})

test('after all of this no name was resolved, and the token is in no answer, log or file', () => {
  expect(answers.length).toBeGreaterThan(60)
  expect(asked).toEqual([])
  expect(leaksOf(world, [TOKEN], answers)).toEqual([])
})
