import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { expect, onTestFinished, test } from 'vitest'
import {
  ALL_SINKS,
  createTestProject,
  startTestGate,
  type TestProject,
} from '../src/harness/gate.js'
import { McpLines } from '../src/harness/mcp-lines.js'
import { PUBLIC_BASE } from '../src/harness/raw-client.js'
import { TokenScene } from '../src/harness/token-scene.js'

const TCP = 'listen_http_addr = "127.0.0.1:0"\nunsafe_expose_http = true'

interface Reached {
  readonly project: TestProject
  readonly url: string
}

function start(
  { url }: Pick<Reached, 'url'>,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): McpLines {
  const args = ['--gate-url', url, '--public-base-url', PUBLIC_BASE, ...flags]
  const session = new McpLines(args, env)
  onTestFinished(async () => {
    await session.end()
  })
  return session
}

async function actionsOf(session: McpLines): Promise<readonly string[]> {
  await session.initialize()
  const { result, error } = await session.ask('tools/list')
  if (result === undefined) throw new Error(JSON.stringify(error))
  const { tools } = result as { tools: readonly { name: string }[] }
  return tools.map(({ name }) => name).filter((name) => !name.startsWith('latchgate_'))
}

function secret(project: TestProject, name: string, text: string, mode = 0o600): string {
  const file = join(project.root, name)
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

async function beginWithKey(): Promise<Reached & { readonly key: DPoPKeyPair }> {
  const key = await DPoPKeyPair.generate()
  const grant = { allowed_actions: ['http_fetch'], allowed_sinks: ALL_SINKS }
  const project = await createTestProject({
    keys: TCP,
    tables: `[agents.reader]\nprincipal = "key-agent"\ndpop_jkt = "${key.thumbprint}"`,
    data: { policy_version: 'p', acl: { 'key-agent': grant } },
  })
  const gate = await startTestGate(project)
  onTestFinished(async () => {
    await gate.close()
    project.remove()
  })
  return { project, key, url: gate.addresses.http ?? '' }
}

test('over TCP the gate knows an agent by its registered key, at another base than its own', async () => {
  const at = await beginWithKey()
  const file = secret(at.project, 'agent.pem', at.key.exportPem())
  expect(await actionsOf(start(at, ['--key-file', file]))).toEqual(['http_fetch'])
  expect(await actionsOf(start(at, [], { LATCHGATE_KEY_FILE: file }))).toEqual(['http_fetch'])
})

test('a key that is not registered is an error that says so, and one that others can read no start', async () => {
  const at = await beginWithKey()
  const other = secret(at.project, 'other.pem', (await DPoPKeyPair.generate()).exportPem())
  const session = start(at, ['--key-file', other])
  await session.initialize()
  const { error } = await session.ask('tools/list')
  expect(JSON.stringify(error)).toContain('no agent is registered with the key')
  const called = await session.call('http_fetch', { url: 'https://api.github.com/' })
  expect(called.json).toMatchObject({
    code: 'auth_failed',
    message: expect.stringContaining('latchgate agents add'),
  })
  const open = secret(at.project, 'open.pem', at.key.exportPem(), 0o644)
  const refused = start(at, ['--key-file', open])
  expect(await refused.exit).toBe(1)
  expect(refused.stderr).toContain('chmod 600')
})

async function beginWithIssuer(): Promise<Reached & { readonly scene: TokenScene }> {
  const scene = await TokenScene.start()
  onTestFinished(() => scene.close())
  return { scene, project: scene.project, url: scene.gate.addresses.http ?? '' }
}

test('over TCP the gate knows an agent by a token of its issuer, from a file or the environment', async () => {
  const at = await beginWithIssuer()
  const file = secret(at.project, 'agent.jwt', `${at.scene.issuer.token()}\n`)
  expect(await actionsOf(start(at, ['--identity-token-file', file]))).toContain('http_fetch')
  const env = { LATCHGATE_IDENTITY_TOKEN: at.scene.issuer.token() }
  expect(await actionsOf(start(at, [], env))).toContain('http_fetch')
})

test('a token that was used is refused, and one that is renewed in its file opens the session', async () => {
  const at = await beginWithIssuer()
  const used = at.scene.issuer.token()
  await at.scene.open(used)
  const file = secret(at.project, 'agent.jwt', used)
  const session = start(at, ['--identity-token-file', file])
  await session.initialize()
  const refused = await session.ask('tools/list')
  expect(JSON.stringify(refused['error'])).toContain('the identity token is not accepted')
  const call = await session.call('http_fetch', { url: 'http://10.0.0.1/' })
  expect(call.json['code']).toBe('auth_failed')
  secret(at.project, 'agent.jwt', at.scene.issuer.token())
  expect((await session.ask('tools/list'))['result']).toBeDefined()
  await session.end()
  expect(session.stderr + JSON.stringify(session.received)).not.toContain(used)
})

test('a token file that others can read opens nothing, and the error says what to do', async () => {
  const at = await beginWithIssuer()
  const token = at.scene.issuer.token()
  const file = secret(at.project, 'agent.jwt', token, 0o644)
  const session = start(at, ['--identity-token-file', file])
  await session.initialize()
  const { json } = await session.call('http_fetch', { url: 'http://10.0.0.1/' })
  expect(json['code']).toBe('auth_failed')
  expect(json['message']).toContain(`chmod 600 ${file}`)
  chmodSync(file, 0o600)
  expect((await session.ask('tools/list'))['result']).toBeDefined()
  await session.end()
  expect(session.stderr + JSON.stringify(session.received)).not.toContain(token)
})
