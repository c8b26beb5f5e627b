import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { payloadOf } from '../src/harness/compact-jws.js'
import {
  ALL_ACTIONS,
  ALL_SINKS,
  createTestProject,
  type ProjectSettings,
  startTestGate,
  type TestProject,
} from '../src/harness/gate.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'

const PARAMS = { url: 'http://10.0.0.1/' }
const EXECUTE = '/v1/actions/http_fetch/execute'
const TCP = 'listen_http_addr = "127.0.0.1:0"\nunsafe_expose_http = true'
const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function project(settings: ProjectSettings = {}): Promise<TestProject> {
  const made = await createTestProject(settings)
  cleanups.push(() => made.remove())
  return made
}

function edit(made: TestProject, change: (text: string) => string): void {
  writeFileSync(made.configFile, change(readFileSync(made.configFile, 'utf8')))
}

interface Running {
  readonly client: RawClient
  readonly tcp: RawClient | null
  stop(): Promise<void>
}

async function start(made: TestProject): Promise<Running> {
  const gate = await startTestGate(made)
  const client = new RawClient({ socket: made.socket })
  const { http } = gate.addresses
  const tcp = http === null ? null : new RawClient({ base: http })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await Promise.all([client.close(), tcp?.close()])
      await gate.close()
    })()
    return stopped
  }
  cleanups.push(stop)
  return { client, tcp, stop }
}

/** The call is denied by its address, so it got as far as policy: the caller was accepted. */
function expectAccepted(answer: RawAnswer): void {
  expect([answer.status, answer.json()['error']], answer.text).toEqual([403, 'policy_denied'])
  expect(answer.json()['deny_reason']).toMatch(/^egress_denied: /)
}

const scopesOf = (lease: HeldLease): unknown => payloadOf(lease.jwt)['scope']
const ALL_SCOPES = { scopes: ['tools:call', 'audit:read', 'jira:read'] }

test('a mapped uid without scopes may ask for tools:call alone', async () => {
  const { client } = await start(await project())
  expect(scopesOf(await takeLease(client, ALL_SCOPES))).toEqual(['tools:call'])
})

test('a mapped uid with an empty list of scopes gets none, whatever it asks for', async () => {
  const { client } = await start(await project({ scopes: [] }))
  await expect(takeLease(client, ALL_SCOPES)).rejects.toThrow(/403 .*"scope_not_permitted"/)
})

test('an uid that is not mapped is refused by name, unless allowed; then it is uid:<n>, without limits', async () => {
  const made = await project({ data: allowed(`uid:${userInfo().uid}`) })
  edit(made, (text) => text.replace(`principals.${userInfo().uid}]`, 'principals.65533]'))
  const first = await start(made)
  const refused = takeLease(first.client)
  await expect(refused).rejects.toThrow(
    new RegExp(`403 .*"identity_forbidden","message":"uid ${userInfo().uid} is not mapped: `),
  )
  await first.stop()
  edit(made, (text) =>
    text.replace(
      '[identity.peercred.',
      '[identity.peercred]\nallow_unmapped = true\n[identity.peercred.',
    ),
  )
  const second = await start(made)
  const lease = await takeLease(second.client, ALL_SCOPES)
  expect(payloadOf(lease.jwt)).toMatchObject({
    sub: `uid:${userInfo().uid}`,
    idm: 'peercred:unmapped',
    scope: ALL_SCOPES.scopes,
  })
  expectAccepted(await executeRaw(second.client, lease, 'http_fetch', PARAMS))
})

test('the owner of a mapped uid is in its leases', async () => {
  const { client } = await start(await project({ owner: 'alice@example.com' }))
  expect(payloadOf((await takeLease(client)).jwt)['owner']).toBe('alice@example.com')
})

test('over TCP there is no uid: no lease, and a lease from the socket is good there no more', async () => {
  const { client, tcp } = await start(await project({ keys: TCP }))
  const lease = await takeLease(client)
  if (tcp === null) throw new Error('no TCP listener')
  await expect(takeLease(tcp)).rejects.toThrow(/401 .*"identity_unauthenticated"/)
  const answer = await executeRaw(tcp, lease, 'http_fetch', PARAMS)
  expect([answer.status, answer.json()]).toEqual([
    401,
    {
      error: 'identity_unauthenticated',
      message:
        'this gate knows agents by the uid of their Unix socket: connect to the socket, not to TCP, or present a registered key or a token of an issuer',
      trace_id: expect.any(String),
    },
  ])
  expectAccepted(await executeRaw(client, lease, 'http_fetch', PARAMS))
})

test('with identity none everybody is dev:anonymous, and the alias is no base of proofs on TCP', async () => {
  const made = await project({ keys: TCP, identity: 'none', data: allowed('dev:anonymous') })
  const { client, tcp } = await start(made)
  if (tcp === null) throw new Error('no TCP listener')
  const lease = await takeLease(tcp, ALL_SCOPES)
  expect(payloadOf(lease.jwt)).toMatchObject({
    sub: 'dev:anonymous',
    idm: 'none',
    scope: ALL_SCOPES.scopes,
  })
  expectAccepted(await executeRaw(tcp, lease, 'http_fetch', PARAMS))
  const url = `http://localhost${EXECUTE}`
  const aliased = await executeRaw(tcp, lease, 'http_fetch', PARAMS, { url })
  expect([aliased.status, aliased.json()['deny_reason']]).toEqual([
    401,
    `htu mismatch: expected 'http://localhost:3000${EXECUTE}', got '${url}'`,
  ])
  expectAccepted(await executeRaw(client, lease, 'http_fetch', PARAMS, { url }))
})

test('a proof used on the client listener is used up on the admin listener', async () => {
  const made = await project()
  const { client } = await start(made)
  const admin = new RawClient({ socket: made.adminSocket })
  cleanups.push(() => admin.close())
  const lease = await takeLease(client)
  const request = {
    method: 'POST',
    path: EXECUTE,
    headers: credentials(lease, 'POST', EXECUTE),
    body: JSON.stringify(PARAMS),
  }
  expectAccepted(await client.send(request))
  const replayed = await admin.send(request)
  expect([replayed.status, replayed.json()['error']]).toEqual([401, 'replay_detected'])
})

const OTHER_PRINCIPAL = 'this lease belongs to another principal than the one connected'

test('a lease follows the mapping: once its uid is another principal, it is refused', async () => {
  const made = await project()
  const first = await start(made)
  const lease = await takeLease(first.client)
  await first.stop()
  edit(made, (text) => text.replace('principal = "agent-test"', 'principal = "agent-new"'))
  const second = await start(made)
  const answer = await executeRaw(second.client, lease, 'http_fetch', PARAMS)
  expect([answer.status, answer.json()]).toEqual([
    403,
    { error: 'identity_forbidden', message: OTHER_PRINCIPAL, trace_id: expect.any(String) },
  ])
  const renewal = await second.client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: {
      ...credentials(lease, 'POST', '/v1/leases'),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: lease.key.publicJwk }),
  })
  expect([renewal.status, renewal.json()['error']]).toEqual([403, 'identity_forbidden'])
})

test('a scope that is taken from a principal is gone from the leases it holds', async () => {
  const made = await project({ scopes: ['tools:call'] })
  const first = await start(made)
  const lease = await takeLease(first.client)
  expectAccepted(await executeRaw(first.client, lease, 'http_fetch', PARAMS))
  await first.stop()
  edit(made, (text) => text.replace('scopes = ["tools:call"]', 'scopes = []'))
  const second = await start(made)
  const answer = await executeRaw(second.client, lease, 'http_fetch', PARAMS)
  expect([answer.status, answer.json()['deny_reason']]).toEqual([
    403,
    expect.stringContaining('scope'),
  ])
})

test('a lease of identity none is worth nothing once the gate asks for uids', async () => {
  const made = await project({ identity: 'none', data: allowed('dev:anonymous') })
  const first = await start(made)
  const lease = await takeLease(first.client)
  await first.stop()
  const uid = userInfo().uid
  edit(made, (text) =>
    text.replace(
      'provider = "none"',
      `provider = "peercred"\n[identity.peercred.principals.${uid}]\nprincipal = "agent-test"`,
    ),
  )
  const second = await start(made)
  const answer = await executeRaw(second.client, lease, 'http_fetch', PARAMS)
  expect([answer.status, answer.json()['error']]).toEqual([403, 'identity_forbidden'])
})

test('sockets for different groups in one directory are refused at once, not at the next start', async () => {
  const made = await project({ keys: 'listen_uds_group = "root"' })
  await expect(startTestGate(made)).rejects.toThrow(
    `${made.socket} and ${made.adminSocket} are for different groups: put ` +
      '`listen_admin_uds_path` into a directory of its own',
  )
})

// Becoming another user takes root; where the tests run as somebody else, the two tests above
// show the same check through the mapping.
if (userInfo().uid === 0) {
  test('a lease and its key, stolen by another uid of the machine, are refused', async () => {
    const socketDirectory = mkdtempSync(join(tmpdir(), 'lgs-'))
    cleanups.push(() => rmSync(socketDirectory, { recursive: true }))
    const made = await project({ socketDirectory, keys: 'listen_uds_group = "nogroup"' })
    edit(made, (text) =>
      text.replace(
        '[operator_credentials.',
        '[identity.peercred.principals.65534]\nprincipal = "agent-thief"\n[operator_credentials.',
      ),
    )
    // One directory cannot be open to a group and closed for the admin socket.
    edit(made, (text) =>
      text.replace(`"${socketDirectory}/gate-admin.sock"`, `"${made.root}/s/gate-admin.sock"`),
    )
    const { client } = await start(made)
    const lease = await takeLease(client)
    const stolen = await requestAs(65534, made.socket, credentials(lease, 'POST', EXECUTE))
    expect(stolen).toMatch(/^HTTP\/1\.1 403 /)
    expect(JSON.parse(stolen.slice(stolen.indexOf('\r\n\r\n') + 4))).toEqual({
      error: 'identity_forbidden',
      message: OTHER_PRINCIPAL,
      trace_id: expect.any(String),
    })
    expectAccepted(await executeRaw(client, lease, 'http_fetch', PARAMS))
  })
}

const CHILD = `
const { connect } = require('node:net')
const [path, request] = process.argv.slice(1)
connect(path).on('data', (data) => process.stdout.write(data)).end(request)
`

/** Sends one call from a process of another uid; returns the bytes of the answer. */
async function requestAs(
  uid: number,
  socket: string,
  proven: Readonly<Record<string, string>>,
): Promise<string> {
  const headers = Object.entries(proven).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = `POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n${headers.join('')}\r\n{}`
  const child = spawn(process.execPath, ['-e', CHILD, socket, request], {
    uid,
    gid: uid,
    cwd: '/',
    env: {},
    timeout: 10_000,
  })
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  return text
}

function allowed(principal: string): unknown {
  return {
    policy_version: 't',
    acl: { [principal]: { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } },
  }
}
