import { readFileSync, writeFileSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterEach, expect, test } from 'vitest'
import { payloadOf } from '../src/harness/compact-jws.js'
import { leavesOf } from '../src/harness/evidence.js'
import {
  ALL_ACTIONS,
  ALL_SINKS,
  createTestProject,
  startTestGate,
  type TestGate,
  type TestProject,
} from '../src/harness/gate.js'
import { operatorHeaders } from '../src/harness/operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  PUBLIC_BASE,
  type RawAnswer,
  RawClient,
} from '../src/harness/raw-client.js'

const PATH = '/v1/leases'
const PARAMS = { url: 'http://10.0.0.1/' }
const TCP = 'listen_http_addr = "127.0.0.1:0"\nunsafe_expose_http = true'
const grant = { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS }
const DATA = { policy_version: 'test-1', acl: { 'agent-test': grant, 'key-agent': grant } }
const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Scene {
  readonly key: DPoPKeyPair
  readonly project: TestProject
  readonly gate: TestGate
  readonly unix: RawClient
  readonly tcp: RawClient
  readonly admin: RawClient
}

const tableOf = (key: DPoPKeyPair, more = 'owner = "alice"'): string =>
  `[agents.reader]\nprincipal = "key-agent"\ndpop_jkt = "${key.thumbprint}"\n${more}`

async function start(more?: string): Promise<Scene> {
  const key = await DPoPKeyPair.generate()
  const project = await createTestProject({ keys: TCP, tables: tableOf(key, more), data: DATA })
  cleanups.push(() => project.remove())
  return { key, project, ...(await run(project)) }
}

async function run(project: TestProject): Promise<Omit<Scene, 'key' | 'project'>> {
  const gate = await startTestGate(project)
  const { http } = gate.addresses
  if (http === null) throw new Error('no TCP listener')
  const unix = new RawClient({ socket: project.socket })
  const tcp = new RawClient({ base: http })
  const admin = new RawClient({ socket: project.adminSocket })
  cleanups.push(async () => {
    await Promise.all([unix.close(), tcp.close(), admin.close()])
    await gate.close()
  })
  return { gate, unix, tcp, admin }
}

const proofOf = (key: DPoPKeyPair, accessToken?: string): string =>
  key.signProof({
    method: 'POST',
    url: `${PUBLIC_BASE}${PATH}`,
    ...(accessToken === undefined ? {} : { accessToken }),
  })

function ask(
  client: RawClient,
  key: DPoPKeyPair,
  headers: Readonly<Record<string, string>>,
  body: object = {},
): Promise<RawAnswer> {
  return client.send({
    method: 'POST',
    path: PATH,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk, ...body }),
  })
}

async function held(answer: RawAnswer, key: DPoPKeyPair): Promise<HeldLease> {
  expect(answer.status, answer.text).toBe(200)
  const { lease_jwt, session_id } = answer.json()
  return { jwt: String(lease_jwt), key, sessionId: String(session_id) }
}

const claimsOf = (lease: HeldLease): Record<string, unknown> => payloadOf(lease.jwt)

function expectRefusal(answer: RawAnswer, status: number, error: string, message?: string): void {
  expect([answer.status, answer.json()['error']], answer.text).toEqual([status, error])
  if (message !== undefined) expect(answer.json()['message']).toBe(message)
}

/** The call is denied by its address, so it got as far as policy: the caller was accepted. */
function expectAccepted(answer: RawAnswer): void {
  expectRefusal(answer, 403, 'policy_denied')
  expect(answer.json()['deny_reason']).toMatch(/^egress_denied: /)
}

test.each(['tcp', 'unix'] as const)(
  'over %s a registered key gets a lease of its own principal, acts with it and renews it',
  async (transport) => {
    const scene = await start()
    const client = scene[transport]
    const { key } = scene
    const lease = await held(await ask(client, key, { dpop: proofOf(key) }), key)
    expect(claimsOf(lease)).toMatchObject({
      sub: 'key-agent',
      idm: 'agent_key',
      owner: 'alice',
      scope: ['tools:call'],
      cnf: { jkt: key.thumbprint },
    })
    expectAccepted(await executeRaw(client, lease, 'http_fetch', PARAMS))
    const renewed = await held(await ask(client, key, credentials(lease, 'POST', PATH)), key)
    expect(claimsOf(renewed)).toMatchObject({
      sub: 'key-agent',
      idm: 'agent_key',
      session_id: lease.sessionId,
    })
    expectAccepted(await executeRaw(client, renewed, 'http_fetch', PARAMS))
  },
)

test('a lease of a key is good on every transport', async () => {
  const { key, tcp, unix } = await start()
  const lease = await held(await ask(tcp, key, { dpop: proofOf(key) }), key)
  expectAccepted(await executeRaw(unix, lease, 'http_fetch', PARAMS))
})

test('a key that is not registered is refused by its thumbprint, even where the uid is known', async () => {
  const { tcp, unix } = await start()
  const key = await DPoPKeyPair.generate()
  const message =
    `no agent is registered with the key ${key.thumbprint}: ` +
    'an operator adds it with `latchgate agents add` and reloads the gate'
  for (const client of [tcp, unix]) {
    const answer = await ask(client, key, { dpop: proofOf(key) })
    expectRefusal(answer, 401, 'identity_unauthenticated', message)
  }
})

test('who presents nothing is what the transport knows, whichever key he names', async () => {
  const { key, tcp, unix } = await start()
  expectRefusal(await ask(tcp, key, {}), 401, 'identity_unauthenticated')
  const lease = await held(await ask(unix, key, {}), key)
  expect(claimsOf(lease)).toMatchObject({ sub: 'agent-test', idm: 'peercred' })
})

test('a proof by another key, for another place or of a lease opens nothing', async () => {
  const { key, unix } = await start()
  const lease = await held(await ask(unix, key, { dpop: proofOf(key) }), key)
  const other = await DPoPKeyPair.generate()
  const proofs = [
    proofOf(other),
    proofOf(key, lease.jwt),
    key.signProof({ method: 'POST', url: `${PUBLIC_BASE}/v1/other` }),
    key.signProof({ method: 'GET', url: `${PUBLIC_BASE}${PATH}` }),
    'nonsense',
    '',
    'é',
  ]
  for (const dpop of proofs) {
    expectRefusal(await ask(unix, key, { dpop }), 401, 'invalid_dpop')
  }
})

test('an Authorization header that cannot be read is refused, not passed over', async () => {
  const { key, unix } = await start()
  for (const authorization of ['', 'é']) {
    expectRefusal(await ask(unix, key, { authorization }), 401, 'invalid_lease')
  }
})

test('a proof opens one session, and none after a restart', async () => {
  const scene = await start()
  const { key, project } = scene
  const dpop = proofOf(key)
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask(scene.unix, key, { dpop })))
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    200, 401, 401, 401, 401,
  ])
  for (const cleanup of cleanups.splice(1).reverse()) await cleanup()
  const again = await run(project)
  expectRefusal(await ask(again.unix, key, { dpop }), 401, 'replay_detected')
})

test('a key gets no scope that was not given to it', async () => {
  const { key, tcp } = await start('scopes = ["tools:call"]')
  const scopes = ['tools:call', 'audit:read']
  const lease = await held(await ask(tcp, key, { dpop: proofOf(key) }, { scopes }), key)
  expect(claimsOf(lease)['scope']).toEqual(['tools:call'])
  const none = await ask(tcp, key, { dpop: proofOf(key) }, { scopes: ['audit:read'] })
  expectRefusal(none, 403, 'scope_not_permitted')
})

const RELOAD = '/v1/admin/reload'

function reload({ admin, project }: Scene): Promise<RawAnswer> {
  const headers = operatorHeaders(project, 'POST', RELOAD)
  return admin.send({ method: 'POST', path: RELOAD, headers })
}

function edit({ project }: Scene, change: (text: string) => string): void {
  const text = readFileSync(project.configFile, 'utf8')
  const changed = change(text)
  expect(changed).not.toBe(text)
  writeFileSync(project.configFile, changed)
}

test('leases of a key that was taken out stop with the reload, and cannot be renewed', async () => {
  const scene = await start()
  const { key, tcp, unix } = scene
  const lease = await held(await ask(tcp, key, { dpop: proofOf(key) }), key)
  const other = await DPoPKeyPair.generate()
  edit(scene, (text) => text.replace(key.thumbprint, other.thumbprint))
  expectAccepted(await executeRaw(tcp, lease, 'http_fetch', PARAMS))
  expect((await reload(scene)).status).toBe(200)
  for (const client of [tcp, unix]) {
    expectRefusal(
      await executeRaw(client, lease, 'http_fetch', PARAMS),
      401,
      'identity_unauthenticated',
    )
    const renewal = await ask(client, key, credentials(lease, 'POST', PATH))
    expectRefusal(renewal, 401, 'identity_unauthenticated')
  }
  const opened = await held(await ask(tcp, other, { dpop: proofOf(other) }), other)
  expectAccepted(await executeRaw(tcp, opened, 'http_fetch', PARAMS))
})

test('a key that is given to another principal does not take its leases along', async () => {
  const scene = await start()
  const { key, tcp } = scene
  const lease = await held(await ask(tcp, key, { dpop: proofOf(key) }), key)
  edit(scene, (text) => text.replace('"key-agent"', '"agent-test"'))
  expect((await reload(scene)).status).toBe(200)
  expectRefusal(await executeRaw(tcp, lease, 'http_fetch', PARAMS), 403, 'identity_forbidden')
})

test.each([
  ['owner = "bob"', 'bob'],
  ['', null],
] as const)(
  'with %s after a reload its leases say who answers for the agent now',
  async (to, owner) => {
    const scene = await start()
    const { key, tcp } = scene
    const lease = await held(await ask(tcp, key, { dpop: proofOf(key) }), key)
    edit(scene, (text) => text.replace('owner = "alice"', to))
    expect((await reload(scene)).status).toBe(200)
    const answer = await executeRaw(tcp, lease, 'http_fetch', PARAMS)
    expectAccepted(answer)
    const [decision] = leavesOf(scene, answer.json()['trace_id'])
    expect(decision?.body).toMatchObject({ principal: 'key-agent', owner })
  },
)

test("the key of an operator becomes an agent's by no reload while it is still his", async () => {
  const scene = await start()
  const { key, tcp, project } = scene
  const { thumbprint } = project.operator.key
  const next = await DPoPKeyPair.generate()
  edit(scene, (text) =>
    text.replace(thumbprint, next.thumbprint).replace(key.thumbprint, thumbprint),
  )
  const refused = await reload(scene)
  expectRefusal(refused, 500, 'reload_failed')
  const dual = await ask(tcp, project.operator.key, { dpop: proofOf(project.operator.key) })
  expectRefusal(dual, 401, 'identity_unauthenticated')
  expect(JSON.stringify(scene.gate.logs)).toContain(
    "the `dpop_jkt` of `agents.reader` is the one of the operator 'operator' until the gate is started again",
  )
})

test('a reload of a configuration that cannot be used changes nothing', async () => {
  const scene = await start()
  const { key, tcp, project } = scene
  const lease = await held(await ask(tcp, key, { dpop: proofOf(key) }), key)
  const broken: readonly ((text: string) => string)[] = [
    (text) => text.replace('[agents.reader]', '[agents.reader'),
    (text) => text.replace(key.thumbprint, 'short'),
    (text) => text.replace(key.thumbprint, project.operator.key.thumbprint),
    (text) => text.replace('"key-agent"', '"uid:0"'),
  ]
  const sound = readFileSync(project.configFile, 'utf8')
  for (const change of broken) {
    edit(scene, change)
    expectRefusal(await reload(scene), 500, 'reload_failed')
    writeFileSync(project.configFile, sound)
  }
  expectAccepted(await executeRaw(tcp, lease, 'http_fetch', PARAMS))
})
