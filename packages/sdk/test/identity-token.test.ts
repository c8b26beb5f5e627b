import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { tempDir } from '@latchgate/testkit'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import {
  type ClientOptions,
  LatchGateAuthError,
  LatchGateClient,
  type LatchGateError,
} from '../src/index.js'
import { error, executed, type GateDouble } from './gate-double.js'
import { afterThisTest, client, gateOnTcp } from './setup.js'

const LEASES = '/v1/leases'
const EXECUTE = '/v1/actions/http_fetch/execute'

async function readyGate(): Promise<GateDouble> {
  const gate = await gateOnTcp()
  gate.onExecute(executed())
  return gate
}

/** Tokens that differ, in the form of a JWT. */
function issuer(): { readonly give: () => string; readonly given: readonly string[] } {
  const given: string[] = []
  const give = (): string => {
    const token = `eyJhbGciOiJFUzI1NiJ9.SECRET${given.length + 1}.c2ln`
    given.push(token)
    return token
  }
  return { give, given }
}

/** Both headers in which a token travels, for each request for a lease. */
function sentTokens(gate: GateDouble): readonly unknown[] {
  return gate.requests(LEASES).map(({ headers }) => ({
    authorization: headers.authorization?.replace(/^DPoP .*/, 'DPoP <lease>'),
    beside: headers['x-latchgate-identity-token'],
  }))
}

async function caught(promise: Promise<unknown>): Promise<LatchGateError> {
  const failure: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(failure).toBeInstanceOf(LatchGateAuthError)
  return failure as LatchGateError
}

test.each([
  ['synchronous', (give: () => string) => give],
  ['asynchronous', (give: () => string) => async () => give()],
] as const)('a %s function is asked for each new session and for each renewal', async (_, as) => {
  const gate = await readyGate()
  const { give, given } = issuer()
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken: as(give) })
  expect(given).toHaveLength(0)
  await agent.execute('http_fetch')
  await agent.execute('http_fetch')
  expect(given).toHaveLength(1)
  gate.advance(301)
  await agent.execute('http_fetch')
  await agent.connect()
  expect(sentTokens(gate)).toEqual([
    { authorization: `Bearer ${given[0]}`, beside: undefined },
    { authorization: 'DPoP <lease>', beside: given[1] },
    { authorization: `Bearer ${given[2]}`, beside: undefined },
  ])
})

test('a new session proves its key beside the token without ath, a renewal with it', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken: issuer().give })
  await agent.execute('http_fetch')
  gate.advance(301)
  await agent.execute('http_fetch')
  const proofs = gate.requests(LEASES).map(({ headers }) => decodeJwt(String(headers['dpop'])))
  expect(proofs).toMatchObject([
    { htm: 'POST', htu: gate.url + LEASES },
    { htm: 'POST', htu: gate.url + LEASES, ath: expect.any(String) },
  ])
  expect(proofs[0]).not.toHaveProperty('ath')
  const calls = gate.requests(EXECUTE).map(({ headers }) => headers)
  expect(calls.filter((headers) => 'x-latchgate-identity-token' in headers)).toEqual([])
})

test('a token and a key file go together: each session is of that key', async () => {
  const gate = await readyGate()
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  writeFileSync(directory.file('agent.pem'), pem, { mode: 0o600 })
  const { give, given } = issuer()
  const keyFile = directory.file('agent.pem')
  const agent = client({ baseUrl: gate.url, agentId: 'a', keyFile, identityToken: give })
  await agent.connect()
  await agent.connect()
  const { publicJwk } = DPoPKeyPair.fromPem(pem)
  const [first, second] = gate.requests(LEASES)
  expect([first, second].map((one) => JSON.parse(one!.text).dpop_jwk)).toEqual([
    publicJwk,
    publicJwk,
  ])
  expect([first, second].map((one) => one!.headers.authorization)).toEqual(
    given.map((token) => `Bearer ${token}`),
  )
})

test('a text is sent once: its renewals go without it, a second session is refused and told why', async () => {
  const gate = await readyGate()
  const token = issuer().give()
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken: token })
  await agent.execute('http_fetch')
  gate.advance(301)
  await agent.execute('http_fetch')
  expect(sentTokens(gate)).toEqual([
    { authorization: `Bearer ${token}`, beside: undefined },
    { authorization: 'DPoP <lease>', beside: undefined },
  ])
  const failure = await caught(agent.connect())
  expect(failure.message).toBe(
    'authentication failed: identity_unauthenticated: this token was used before',
  )
  expect(failure.code).toBe('identity_unauthenticated')
})

test('a function that gives the same token twice does not make its renewal fail', async () => {
  const gate = await readyGate()
  const tokens = ['a.b.c', 'a.b.c', 'd.e.f']
  const agent = client({
    baseUrl: gate.url,
    agentId: 'a',
    identityToken: () => tokens.shift() ?? '',
  })
  for (const seconds of [0, 301, 301]) {
    gate.advance(seconds)
    await agent.execute('http_fetch')
  }
  expect(sentTokens(gate)).toEqual([
    { authorization: 'Bearer a.b.c', beside: undefined },
    { authorization: 'DPoP <lease>', beside: undefined },
    { authorization: 'DPoP <lease>', beside: 'd.e.f' },
  ])
})

test('a gate that forgot the lease gets a new session with a fresh token', async () => {
  const gate = await readyGate()
  const { give, given } = issuer()
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken: give })
  await agent.execute('http_fetch')
  gate.forgetLeases()
  await agent.execute('http_fetch')
  expect(sentTokens(gate)).toEqual([
    { authorization: `Bearer ${given[0]}`, beside: undefined },
    { authorization: `Bearer ${given[1]}`, beside: undefined },
  ])
})

test('calls that start together ask for one token', async () => {
  const gate = await readyGate()
  const { give, given } = issuer()
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken: async () => give() })
  await Promise.all(Array.from({ length: 5 }, () => agent.execute('http_fetch')))
  expect(given).toHaveLength(1)
})

const NOTHING_SENT = 'nothing was sent'
const reason = new TypeError('no route to the issuer')

test.each<[string, () => unknown, string]>([
  [
    'throws',
    () => {
      throw reason
    },
    'the function identityToken threw TypeError; its reason is in `cause`',
  ],
  [
    'rejects',
    () => Promise.reject(reason),
    'the function identityToken threw TypeError; its reason is in `cause`',
  ],
  [
    'never answers',
    () => new Promise(() => undefined),
    'the function identityToken gave no token within 150 ms; see that its issuer answers, or raise timeoutMs',
  ],
  ...(
    [
      ['gives nothing', undefined, 'is no text but undefined'],
      ['gives null', null, 'is no text but null'],
      ['gives an object', { token: 'SECRET' }, 'is no text but object'],
      ['gives an empty text', '', 'is empty'],
      ['gives a line break', 'SECRET\r\nx: y', 'holds characters that no JWT has (not shown here)'],
      ['gives Unicode', 'SECRET\u{1f600}', 'holds characters that no JWT has (not shown here)'],
      [
        'gives a whole header',
        'Bearer SECRET',
        'holds characters that no JWT has (not shown here)',
      ],
    ] as const
  ).map(
    ([name, value, fault]) =>
      [
        name,
        () => value,
        `what the function identityToken gave ${fault}; let it return a fresh JWT`,
      ] as [string, () => unknown, string],
  ),
])(
  'a function that %s is an error that says what to do, and sends nothing',
  async (_, give, why) => {
    const gate = await readyGate()
    const agent = client({
      baseUrl: gate.url,
      agentId: 'a',
      timeoutMs: 150,
      identityToken: give as () => string,
    })
    const failure = await caught(agent.execute('http_fetch'))
    expect(failure.message).toBe(
      `authentication failed: identity_token_unusable: ${why}; ${NOTHING_SENT}`,
    )
    expect(failure).toMatchObject({ code: 'identity_token_unusable', status: null })
    expect(inspect(failure, { depth: 9 })).not.toContain('SECRET')
    expect(failure.cause).toBe(why.includes('cause') ? reason : undefined)
    expect(gate.seen).toHaveLength(0)
  },
)

test('after a failure of the function the next call asks again', async () => {
  const gate = await readyGate()
  const answers = ['', 'a.b.c']
  const identityToken = (): string => answers.shift() ?? ''
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken })
  await caught(agent.execute('http_fetch'))
  await agent.execute('http_fetch')
  expect(sentTokens(gate)).toEqual([{ authorization: 'Bearer a.b.c', beside: undefined }])
})

test('a function that fails leaves the session that was there', async () => {
  const gate = await readyGate()
  const tokens = ['a.b.c']
  const identityToken = (): string => tokens.shift() ?? ''
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken })
  await agent.execute('http_fetch')
  const { sessionId } = agent
  await caught(agent.connect())
  expect(agent.sessionId).toBe(sessionId)
  await agent.execute('http_fetch')
})

test('what a token takes is taken from the time of the request for the lease', async () => {
  const gate = await readyGate()
  gate.leaseHandler = () => ({ status: 200, end: 'hang' })
  const agent = client({
    baseUrl: gate.url,
    agentId: 'a',
    timeoutMs: 400,
    identityToken: () => new Promise((resolve) => setTimeout(() => resolve('a.b.c'), 300)),
  })
  const failure: unknown = await agent.execute('http_fetch').catch((one: unknown) => one)
  const limit = Number(/no answer within (\d+) ms/.exec(String(failure))?.[1])
  expect(limit).toBeGreaterThan(0)
  expect(limit).toBeLessThanOrEqual(101)
})

test.each([
  ['an empty text', '', 'identityToken is empty'],
  ['a space in it', 'a b', 'identityToken holds characters that no JWT has (not shown here)'],
  ['a number', 7, 'identityToken must be a text or a function that gives one'],
  ['null', null, 'identityToken must be a text or a function that gives one'],
])('%s as a token is refused when the client is made', (_, identityToken, message) => {
  const options = { baseUrl: 'http://gate', identityToken } as ClientOptions
  expect(() => new LatchGateClient(options)).toThrow(new TypeError(message))
})

test('no token is in what a client, or an error of the gate, shows of itself', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a', identityToken: 'aaa.SECRET.ccc' })
  await agent.execute('http_fetch')
  const shown = inspect(agent, { depth: 20, showHidden: true }) + JSON.stringify(agent)
  expect(shown).not.toContain('SECRET')
  gate.leaseHandler = () => error(401, 'identity_unauthenticated', { message: 'wrong audience' })
  const failure = await caught(agent.connect())
  expect(failure.message).toBe('authentication failed: identity_unauthenticated: wrong audience')
  gate.leaseHandler = () => ({ status: 200, end: 'reset' })
  const cut: unknown = await agent.connect().catch((one: unknown) => one)
  for (const one of [failure, cut]) {
    expect(inspect(one, { depth: 20, showHidden: true })).not.toContain('SECRET')
  }
})
