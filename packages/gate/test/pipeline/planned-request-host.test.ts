import { gzipSync } from 'node:zlib'
import { ExecutionAborted, type HostHttpRequest } from '@latchgate/sandbox'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EgressRequest, EgressResult } from '../../src/egress/port.js'
import type { Intending } from '../../src/pipeline/call.js'
import { differenceFromPlan, PlannedRequestHost } from '../../src/pipeline/planned-request-host.js'
import { Secret } from '../../src/secrets/port.js'
import { SearchTurns } from '../../src/secrets/search-turns.js'
import { intending, STARTED_AT, servicesWith, VALUE } from './call-fixture.js'

const ANSWERED: EgressResult = {
  outcome: 'answered',
  address: '198.51.100.1:443',
  certificateSha256: 'cc',
  status: 200,
  response: {
    status: 200,
    headers: [['content-type', 'text/plain']],
    body: new TextEncoder().encode('hello'),
  },
  error: null,
}

const signal = new AbortController().signal

/** The request that the plan allows. */
const planned = ({ target }: Intending): HostHttpRequest => ({
  method: target.method,
  url: target.url,
  headers: target.headers,
  body: target.body,
  timeoutMs: 1000,
})

/** A host whose outside answers with these results, and what left through it. */
function hostOf(
  call: Intending,
  results: readonly (EgressResult | Error)[] = [ANSWERED],
  now: () => number = () => STARTED_AT,
): { host: PlannedRequestHost; left: EgressRequest[]; logged: readonly string[] } {
  const left: EgressRequest[] = []
  const egress = {
    request: async (request: EgressRequest): Promise<EgressResult> => {
      left.push(request)
      const result = results[left.length - 1]
      if (result === undefined) throw new Error('more requests than results')
      if (result instanceof Error) throw result
      return result
    },
    close: async () => undefined,
  }
  const { services, logged } = servicesWith({ egress, now, searchTurns: new SearchTurns() })
  return { host: new PlannedRequestHost(services, call), left, logged }
}

async function abortOf(promise: Promise<unknown>): Promise<readonly [string, string]> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ExecutionAborted)) throw new Error(`not aborted: ${String(error)}`)
  return [error.failure, error.message]
}

test('the planned request leaves once, with the secret in it, and the record is of the plan', async () => {
  const call = await intending()
  const { host, left } = hostOf(call)
  const reply = await host.httpRequest(planned(call), signal)
  expect(reply).toEqual({ ok: true, value: { ...ANSWERED.response } })
  expect(left).toHaveLength(1)
  expect(left[0]).toMatchObject({
    principal: 'agent-1',
    method: 'POST',
    url: 'https://api.example.com/tickets',
    allow: ['api.example.com'],
    confidential: true,
    maxResponseBytes: 65_536,
    timeoutMs: 1_800,
    signal,
  })
  expect(left[0]?.headers).toContainEqual(['authorization', `Bearer ${VALUE}`])
  expect(host.effects).toMatchObject([
    {
      outcome: 'answered',
      status: 200,
      header_names: ['accept', 'content-type', 'user-agent', 'x-kind'],
      body_bytes: 17,
      secrets: [{ name: 'TOKEN', into: 'header:authorization' }],
      scrubbed: false,
    },
  ])
  expect(JSON.stringify(host.effects)).not.toContain(VALUE)
})

test('a second request ends the call, even the very same one, and the first stays on record', async () => {
  const call = await intending()
  const { host, left } = hostOf(call, [ANSWERED, ANSWERED])
  await host.httpRequest(planned(call), signal)
  expect(await abortOf(host.httpRequest(planned(call), signal))).toEqual([
    'plan_mismatch',
    'the provider made a second request',
  ])
  expect(left).toHaveLength(1)
  expect(host.effects).toMatchObject([{ outcome: 'answered' }])
})

test('a second request while the first one is under way does not leave either', async () => {
  const call = await intending()
  const { host, left } = hostOf(call, [ANSWERED, ANSWERED])
  const first = host.httpRequest(planned(call), signal)
  expect((await abortOf(host.httpRequest(planned(call), signal)))[0]).toBe('plan_mismatch')
  expect((await first).ok).toBe(true)
  expect(left).toHaveLength(1)
})

test.each<[string, (request: HostHttpRequest) => Partial<HostHttpRequest>]>([
  ['method', () => ({ method: 'DELETE' })],
  ['method', () => ({ method: 'post' })],
  ['URL', ({ url }) => ({ url: `${url}?x=1` })],
  ['URL', () => ({ url: 'https://API.example.com/tickets' })],
  ['URL', () => ({ url: 'https://api.example.com:443/tickets' })],
  ['headers', ({ headers }) => ({ headers: headers.slice(1) })],
  ['headers', ({ headers }) => ({ headers: [...headers, ['x-more', '1']] })],
  ['headers', ({ headers }) => ({ headers: [...headers, headers[0] ?? ['', '']] })],
  ['headers', ({ headers }) => ({ headers: headers.map(([name]) => [name, 'other'] as const) })],
  ['headers', () => ({ headers: [['accept: */*\nx-kind', 'ticket']] })],
  ['body', () => ({ body: null })],
  ['body', () => ({ body: new Uint8Array() })],
  ['body', () => ({ body: new TextEncoder().encode('{"title":"hellO"}') })],
])('another %s than planned ends the call before anything leaves', async (part, change) => {
  const call = await intending()
  const { host, left } = hostOf(call)
  const request = { ...planned(call), ...change(planned(call)) }
  expect(await abortOf(host.httpRequest(request, signal))).toEqual([
    'plan_mismatch',
    `the provider changed the ${part}`,
  ])
  expect([left, host.effects]).toEqual([[], []])
  expect((await abortOf(host.httpRequest(planned(call), signal)))[0], 'no second try').toBe(
    'plan_mismatch',
  )
  expect(left).toEqual([])
})

test('order and case of header names are not a difference; everything else is', async () => {
  const { target } = await intending()
  const base = { ...planned({ target } as Intending) }
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...target.headers], { minLength: target.headers.length }),
      (headers) => {
        const upper = headers.map(([name, value]) => [name.toUpperCase(), value] as const)
        expect(differenceFromPlan({ ...base, headers: upper }, target)).toBeNull()
      },
    ),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
      const same = Buffer.compare(body, target.body ?? new Uint8Array()) === 0
      expect(differenceFromPlan({ ...base, body }, target)).toBe(same ? null : 'body')
    }),
  )
})

test('a call whose time is over sends nothing, and does not claim that it might have', async () => {
  const call = await intending()
  const { host, left } = hostOf(call, [ANSWERED], () => STARTED_AT + 1_800)
  expect(await abortOf(host.httpRequest(planned(call), signal))).toEqual([
    'wall_clock',
    'the time for this call was over before it was sent',
  ])
  expect([left, host.effects]).toEqual([[], []])
})

test('until the outside has answered, and when it fails, the request counts as unknown', async () => {
  const call = await intending()
  const { host } = hostOf(call, [new Error('out of memory')])
  const request = host.httpRequest(planned(call), signal)
  expect(host.effects).toMatchObject([{ outcome: 'unknown', status: null }])
  await expect(request).rejects.toThrow('out of memory')
  expect(host.effects).toMatchObject([
    { outcome: 'unknown', secrets: [{ name: 'TOKEN', into: 'header:authorization' }] },
  ])
})

test.each(['not_sent', 'unknown', 'answered'] as const)(
  'a failed request that is %s is recorded as that, and its error text is searched too',
  async (outcome) => {
    const call = await intending()
    const { host } = hostOf(call, [
      {
        ...ANSWERED,
        outcome,
        response: null,
        error: { type: 'upstream_protocol', message: `broken at ${VALUE}` },
      },
    ])
    expect(await abortOf(host.httpRequest(planned(call), signal))).toEqual([
      'upstream_protocol',
      'broken at ***REDACTED***',
    ])
    expect(host.effects).toMatchObject([{ outcome, scrubbed: true }])
  },
)

test('names and values of headers, the content type and the body are searched before anybody sees them', async () => {
  const call = await intending()
  const { host } = hostOf(call, [
    {
      ...ANSWERED,
      response: {
        status: 200,
        headers: [
          [`x-${VALUE}`, '1'],
          ['content-type', `text/plain; ${VALUE}`],
        ],
        body: Buffer.from(`it is ${VALUE}`),
      },
    },
  ])
  const reply = await host.httpRequest(planned(call), signal)
  expect(reply).toEqual({
    ok: true,
    value: {
      status: 200,
      headers: [
        ['x-***REDACTED***', '1'],
        ['content-type', 'text/plain; ***REDACTED***'],
      ],
      body: new Uint8Array(Buffer.from('it is ***REDACTED***')),
    },
  })
  expect(host.contentType).toBe('text/plain; ***REDACTED***')
  expect(Buffer.from(host.observed.body ?? '').toString()).toBe('it is ***REDACTED***')
  expect(host.effects).toMatchObject([{ scrubbed: true }])
})

test('a secret that was the name of a header is found, although names come in lower case', async () => {
  const plain = await intending()
  const mixed = 'Ghp_0123456789ABCdef'
  const call = { ...plain, secrets: new Map([['TOKEN', new Secret(mixed)]]) }
  const headers = [[`x-${mixed.toLowerCase()}`, '1']] as const
  const { host } = hostOf(call, [
    { ...ANSWERED, response: { status: 200, headers, body: new Uint8Array() } },
  ])
  const reply = await host.httpRequest(planned(call), signal)
  expect(reply).toMatchObject({ value: { headers: [['x-***REDACTED***', '1']] } })
  expect(host.effects).toMatchObject([{ scrubbed: true }])
})

test('the digests of a receipt are of what the agent may see, not of what the upstream sent', async () => {
  const call = await intending()
  const sent = { ...ANSWERED, response: { status: 200, headers: [], body: Buffer.from(VALUE) } }
  const shown = {
    ...ANSWERED,
    response: { status: 200, headers: [], body: Buffer.from('***REDACTED***') },
  }
  const [first, second] = [hostOf(call, [sent]), hostOf(call, [shown])]
  await first.host.httpRequest(planned(call), signal)
  await second.host.httpRequest(planned(call), signal)
  expect(first.host.effects[0]?.response_sha256).toBe(second.host.effects[0]?.response_sha256)
})

test('what a module logs is searched, before its request as after it', async () => {
  const call = await intending()
  const { host, logged } = hostOf(call)
  host.log('warn', `before ${VALUE}`)
  await host.httpRequest(planned(call), signal)
  host.log('info', `after ${Buffer.from(VALUE).toString('base64')}`)
  expect(logged.map((line) => (JSON.parse(line) as { provider: string }).provider)).toEqual([
    'before ***REDACTED***',
    'after ***REDACTED***',
  ])
})

test('a secret that cannot be placed any more ends the call unsent, without its value', async () => {
  const call = await intending()
  const broken = { ...call, secrets: new Map([['TOKEN', new Secret('not a\ttab header')]]) }
  const { host, left } = hostOf(broken)
  expect(await abortOf(host.httpRequest(planned(call), signal))).toEqual([
    'secret_injection',
    'secret TOKEN: a header takes visible ASCII only',
  ])
  expect([left, host.effects]).toEqual([[], []])
})

/** A call whose secret makes a body of `&amp;` more work than it may be, and such an answer. */
async function unsearchable(): Promise<{ call: Intending; answer: EgressResult }> {
  const secrets = new Map([['TOKEN', new Secret('&amp;'.repeat(20))]])
  const call = { ...(await intending()), secrets }
  const body = Buffer.from('&amp;'.repeat(60_000))
  return { call, answer: { ...ANSWERED, response: { status: 200, headers: [], body } } }
}

test('an answer that takes too much work to search is withheld, and recorded as answered', async () => {
  const { call, answer } = await unsearchable()
  const { host } = hostOf(call, [answer])
  expect(await abortOf(host.httpRequest(planned(call), signal))).toEqual([
    'response_unsearchable',
    'the response takes more work to be searched for secrets than its size allows',
  ])
  expect(host.observed).toEqual({ status: 200, body: null })
  expect(host.effects).toMatchObject([
    { outcome: 'answered', status: 200, response_sha256: null, response_bytes: null },
  ])
})

test('headers that take too much work together are withheld as well', async () => {
  const { call } = await unsearchable()
  const value = '&amp;'.repeat(400)
  const headers = Array.from({ length: 60 }, (_, at) => [`x-${at}`, value] as const)
  const answer = { ...ANSWERED, response: { status: 200, headers, body: new Uint8Array() } }
  const { host } = hostOf(call, [answer])
  const [failure] = await abortOf(host.httpRequest(planned(call), signal))
  expect(failure).toBe('response_unsearchable')
})

test('a log line that takes too much work is not written', async () => {
  const { call } = await unsearchable()
  const { host, logged } = hostOf(call)
  host.log('info', '&amp;'.repeat(60_000))
  expect((JSON.parse(logged[0] ?? '') as { provider: string }).provider).toMatch(/^\[withheld: /)
})

test('a call that ends during the search of its answer leaves a record of what is known', async () => {
  const call = await intending()
  const body = Buffer.alloc(4_000_000, 'x')
  const { host } = hostOf(call, [{ ...ANSWERED, response: { status: 200, headers: [], body } }])
  const ending = new AbortController()
  const request = abortOf(host.httpRequest(planned(call), ending.signal))
  setImmediate(() => ending.abort())
  expect(await request).toEqual(['cancelled', 'the call ended while its answer was searched'])
  expect(host.effects).toMatchObject([{ outcome: 'answered', status: 200, response_bytes: null }])
})

test.each<[string, Buffer, string]>([
  ['with the secret in it is replaced as a whole', gzipSync(`it is ${VALUE}`), '***REDACTED***'],
  ['twice packed is replaced too', gzipSync(gzipSync(`it is ${VALUE}`)), '***REDACTED***'],
  ['without it is shown as it came', gzipSync('it is nothing'), ''],
])('a body that is packed without saying so and %s', async (_name, body, expected) => {
  const call = await intending()
  const { host } = hostOf(call, [{ ...ANSWERED, response: { status: 200, headers: [], body } }])
  const reply = await host.httpRequest(planned(call), signal)
  const shown = reply.ok ? Buffer.from(reply.value.body) : null
  expect(shown).toEqual(expected === '' ? body : Buffer.from(expected))
  expect(host.effects).toMatchObject([{ scrubbed: expected !== '' }])
})
