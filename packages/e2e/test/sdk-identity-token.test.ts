import { rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { type ClientOptions, LatchGateAuthError, LatchGateClient, LatchGateDenied } from 'latchgate'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { leavesOfSession } from '../src/harness/evidence.js'
import { PUBLIC_BASE } from '../src/harness/raw-client.js'
import type { TokenChange } from '../src/harness/token-issuer.js'
import { TokenScene } from '../src/harness/token-scene.js'

// An address that policy refuses: a call that gets so far was made by somebody whom the gate knows.
const PARAMS = { url: 'http://10.0.0.1/' }
const LIFE = 120
const UNACCEPTED =
  'authentication failed: identity_unauthenticated: the identity token is not accepted: '

let scene: TokenScene
const clients: LatchGateClient[] = []
const sent: string[] = []

beforeAll(async () => {
  // Tokens end before leases do: each renewal takes a fresh one, or comes too late for the old one.
  scene = await TokenScene.start({ keys: 'lease_ttl_seconds = 300', now: () => Date.now() })
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
})

afterAll(async () => {
  vi.restoreAllMocks()
  await scene.close()
})

const token = (change: TokenChange = {}): string => {
  const exp = Math.floor(Date.now() / 1000) + LIFE
  const made = scene.issuer.token({ ...change, claims: { exp, ...change.claims } })
  sent.push(made)
  return made
}

function client(transport: 'tcp' | 'unix', options: ClientOptions): LatchGateClient {
  const { http } = scene.gate.addresses
  const where = transport === 'tcp' ? { baseUrl: http ?? '' } : { socket: scene.project.socket }
  const made = new LatchGateClient({
    agentId: 'a',
    ...where,
    publicBaseUrl: PUBLIC_BASE,
    ...options,
  })
  clients.push(made)
  return made
}

/** One call that policy has to refuse. */
async function call(agent: LatchGateClient): Promise<void> {
  await expect(agent.execute('http_fetch', PARAMS)).rejects.toBeInstanceOf(LatchGateDenied)
}

async function refusal(promise: Promise<unknown>): Promise<LatchGateAuthError> {
  const failure: unknown = await promise.catch((error: unknown) => error)
  if (!(failure instanceof LatchGateAuthError)) throw new Error(`no refusal: ${String(failure)}`)
  return failure
}

const realNow = Date.now
let passed = 0

/** Both the gate and the client live so much later from now on: time never goes back here. */
function pass(seconds: number): void {
  passed += seconds * 1000
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + passed)
}

describe.each(['tcp', 'unix'] as const)('over %s', (transport) => {
  test('a function of tokens makes the client the principal of the token, and keeps its session', async () => {
    const agent = client(transport, { identityToken: async () => token() })
    const count = sent.length
    await call(agent)
    const { sessionId, leaseJti } = agent
    // The first token has expired by now, the lease has not.
    pass(290)
    await call(agent)
    expect(sent.length - count).toBe(2)
    expect(agent.sessionId).toBe(sessionId)
    expect(agent.leaseJti).not.toBe(leaseJti)
    const leases = leavesOfSession(scene, String(sessionId)).filter(({ type }) => type === 'lease')
    expect(leases.map(({ body }) => [body['principal'], body['identity_method']])).toEqual([
      ['agent-7', 'jwt'],
      ['agent-7', 'jwt'],
    ])
  })

  test('a token as a text renews by the key alone until it expires, and then says what is missing', async () => {
    const exp = Math.floor(Date.now() / 1000) + 400
    const agent = client(transport, { identityToken: token({ claims: { exp } }) })
    await call(agent)
    const { sessionId, leaseJti } = agent
    pass(290)
    await call(agent)
    expect([agent.sessionId, agent.leaseJti === leaseJti]).toEqual([sessionId, false])
    pass(290)
    const failure = await refusal(agent.execute('http_fetch', PARAMS))
    expect(failure.message).toBe(
      'authentication failed: identity_unauthenticated: the token by which this session was opened or ' +
        'last renewed has expired: send a fresh one of the same issuer and principal in ' +
        'X-LatchGate-Identity-Token',
    )
  })

  test('a token and a key go together only where the token names the key', async () => {
    const key = await DPoPKeyPair.generate()
    const cnf = { jkt: key.thumbprint }
    const identityToken = (): string => token({ claims: { cnf } })
    await call(client(transport, { key, identityToken }))
    const other = client(transport, { key: await DPoPKeyPair.generate(), identityToken })
    expect((await refusal(other.connect())).message).toMatch(new RegExp(`^${UNACCEPTED}.*cnf`))
  })
})

test('a token of another issuer, another audience, too old or used twice is told apart, and not shown', async () => {
  const used = token()
  await client('tcp', { identityToken: used }).connect()
  const cases: readonly (readonly [string, RegExp])[] = [
    [token({ claims: { iss: 'https://elsewhere.example' } }), /issuer/],
    [token({ claims: { aud: 'somebody-else' } }), /audience/],
    [token({ claims: { exp: 1_700_000_000 } }), /expired/],
    [used, /has been used; ask its issuer for a new one/],
    ['no.token.either', /./],
  ]
  for (const [identityToken, why] of cases) {
    const failure = await refusal(client('tcp', { identityToken }).connect())
    expect(failure.code).toBe('identity_unauthenticated')
    expect(failure.message.startsWith(UNACCEPTED), failure.message).toBe(true)
    expect(failure.message.slice(UNACCEPTED.length)).toMatch(why)
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(identityToken)
  }
})

test('a gate that has forgotten its leases gives a new session for a fresh token', async () => {
  const agent = client('unix', { identityToken: () => token() })
  await call(agent)
  const { sessionId } = agent
  await scene.stop()
  rmSync(join(scene.project.root, 'keys', 'lease.pem'))
  await scene.run()
  await call(agent)
  expect(agent.sessionId).not.toBe(sessionId)
})

test('a token that the platform renews in a file is read at each session', async () => {
  const file = join(scene.project.root, 'token')
  const agent = client('unix', { identityToken: async () => (await readFile(file, 'utf8')).trim() })
  const sessions = new Set<string | null>()
  for (let session = 0; session < 2; session += 1) {
    writeFileSync(file, `${token()}\n`, { mode: 0o600 })
    await agent.connect()
    sessions.add(agent.sessionId)
  }
  expect(sessions.size).toBe(2)
})
