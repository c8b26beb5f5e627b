import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterEach, expect, test } from 'vitest'
import {
  assertSound,
  EXECUTED,
  GITHUB_ENV,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { approveCall, asOperator, holdCall } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS, startTestGate } from '../src/harness/gate.js'
import { type HeldLease, PUBLIC_BASE, RawClient, takeLease } from '../src/harness/raw-client.js'
import { TokenIssuer } from '../src/harness/token-issuer.js'
import { held, LEASES } from '../src/harness/token-scene.js'
import type { World } from '../src/harness/world.js'

const grant = { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS }
const DATA = {
  policy_version: 'test-1',
  acl: { 'agent-test': grant, 'key-agent': grant, 'agent-7': grant },
}
const ISSUER_FILE = 'issuer.jwks'

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) {
    assertSound(world)
    await world.close()
  }
})

interface Scene {
  readonly world: World
  readonly key: DPoPKeyPair
  readonly issuer: TokenIssuer
}

async function begin(): Promise<Scene> {
  const key = await DPoPKeyPair.generate()
  const issuer = new TokenIssuer()
  const agent = `[agents.reader]\nprincipal = "key-agent"\ndpop_jkt = "${key.thumbprint}"`
  const world = await startApprovalWorld({ data: DATA, tables: agent })
  open.push(world)
  const { root } = world.gate.project
  writeFileSync(join(root, ISSUER_FILE), JSON.stringify(issuer.jwks()), { mode: 0o600 })
  edit(world, (text) => `${text}\n${issuer.table(`jwks_file = "${ISSUER_FILE}"`)}\n`)
  await reload(world)
  return { world, key, issuer }
}

function edit({ gate }: World, change: (text: string) => string): void {
  const { configFile } = gate.project
  const text = readFileSync(configFile, 'utf8')
  const changed = change(text)
  expect(changed).not.toBe(text)
  writeFileSync(configFile, changed)
}

async function reload(world: World): Promise<void> {
  const answer = await asOperator(world, 'POST', '/v1/admin/reload')
  expect(answer.status, answer.text).toBe(200)
}

async function ask(
  { client }: World,
  key: DPoPKeyPair,
  headers: Readonly<Record<string, string>>,
): Promise<HeldLease> {
  const answer = await client.send({
    method: 'POST',
    path: LEASES,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk }),
  })
  return held(answer, key)
}

const byKey = ({ world, key }: Scene): Promise<HeldLease> =>
  ask(world, key, { dpop: key.signProof({ method: 'POST', url: `${PUBLIC_BASE}${LEASES}` }) })

const byToken = ({ world, key, issuer }: Scene): Promise<HeldLease> =>
  ask(world, key, { authorization: `Bearer ${issuer.token()}` })

const gone = (principal: string): object => ({
  error: 'approval_revoked',
  message: `nobody is known as '${principal}' any more in the way in which the agent was: nothing was done`,
  trace_id: expect.any(String),
})

test.each([
  ['key', byKey, 'key-agent', /\[agents\.reader\][^[]*/],
  ['issuer', byToken, 'agent-7', /\[\[identity\.jwt\]\][\s\S]*$/],
] as const)(
  'a held call of an agent whose %s was taken out is not executed, whoever approves it',
  async (_what, lend, principal, table) => {
    const scene = await begin()
    const { world } = scene
    const { id } = await holdCall(world, await lend(scene), 'github_create_issue', issue())
    edit(world, (text) => text.replace(table, ''))
    await reload(world)
    const approved = await approveCall(world, id)
    expect([approved.status, approved.json()]).toEqual([409, gone(principal)])
    expect(world.upstream.requestsStarted).toBe(0)
    const { ledger } = world.gate.project
    expect(recordsOf(ledger, id)).toEqual(['hold pending_approval', 'approval failed'])
  },
)

test.each([
  ['key', byKey, (text: string) => text.replace('[agents.reader]', '[agents.reader]\nscopes = []')],
  ['issuer', byToken, (text: string) => `${text}\nscopes = ["audit:read"]\n`],
] as const)(
  'a held call of an agent whose %s has lost its scope is not executed',
  async (_what, lend, change) => {
    const scene = await begin()
    const { world } = scene
    const { id } = await holdCall(world, await lend(scene), 'github_create_issue', issue())
    edit(world, change)
    await reload(world)
    const approved = await approveCall(world, id)
    expect([approved.status, approved.json()['error']], approved.text).toEqual([
      403,
      'policy_denied',
    ])
    expect(world.upstream.requestsStarted).toBe(0)
  },
)

test.each([
  [
    'key',
    byKey,
    (text: string) => text.replace('[agents.reader]', '[agents.reader]\nowner = "ann"'),
  ],
  ['issuer', byToken, (text: string) => `${text}\nowner = "ann"\n`],
] as const)(
  'a held call of an agent for whose %s somebody else answers now is not executed',
  async (_what, lend, change) => {
    const scene = await begin()
    const { world } = scene
    const lease = await lend(scene)
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    edit(world, change)
    await reload(world)
    const approved = await approveCall(world, id)
    expect([approved.status, approved.json()['error']], approved.text).toEqual([
      409,
      'approval_revoked',
    ])
    expect(world.upstream.requestsStarted).toBe(0)
  },
)

test.each([
  ['key', byKey],
  ['issuer', byToken],
] as const)(
  'a reload that keeps the %s of an agent lets its held call go on',
  async (_what, lend) => {
    const scene = await begin()
    const { world } = scene
    const { id } = await holdCall(world, await lend(scene), 'github_create_issue', issue())
    await reload(world)
    expect((await approveCall(world, id)).status).toBe(200)
    expect(recordsOf(world.gate.project.ledger, id)).toEqual(EXECUTED)
  },
)

test.each([
  ['no uid any more', '"agent-other"', 409, 'approval_revoked'],
  ['its uid without a scope', '"agent-test"\nscopes = []', 403, 'policy_denied'],
  ['its uid as before', '"agent-test"\n', 200, undefined],
] as const)(
  'a held call of a principal that has %s after a restart goes by that',
  async (_what, to, status, error) => {
    const { world } = await begin()
    const lease = await takeLease(world.client)
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    await world.gate.close()
    edit(world, (text) => text.replace('"agent-test"', to))
    const gate = await startTestGate(world.gate.project, { env: GITHUB_ENV })
    const admin = new RawClient({ socket: world.gate.project.adminSocket })
    try {
      const approved = await approveCall({ ...world, gate, admin }, id)
      expect([approved.status, approved.json()['error']], approved.text).toEqual([status, error])
    } finally {
      await admin.close()
      await gate.close()
    }
  },
)
