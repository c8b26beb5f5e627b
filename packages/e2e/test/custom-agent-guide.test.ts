import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { ROOT } from '../src/harness/example-world.js'
import { freePort } from '../src/harness/free-port.js'
import { ALL_ACTIONS, ALL_SINKS, type ProjectSettings } from '../src/harness/gate.js'
import { readGuide } from '../src/harness/guide.js'
import { observe, type Program } from '../src/harness/observed-program.js'
import { startWorld, type World } from '../src/harness/world.js'

const GUIDE = readGuide('docs/custom-agent.md')
const BIN = `${ROOT}packages/cli/bin/latchgate.js`
const SNIPPETS = GUIDE.blocks('ts')
const MANIFEST = GUIDE.block('yaml', 'action_id: send_message')
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}'

/** The published guide's own TypeScript, to the letter. */
const PUBLISHED = `import { LatchGateClient } from "latchgate";

const client = new LatchGateClient({ agentId: "my-agent" });
const result = await client.execute("http_fetch", {
  url: "https://httpbin.org/get",
});
console.log(result.receiptId);
`

/** Makes a program that connects to one path connect to another: the snippet stays as it is. */
const REDIRECT = `
import { Socket } from 'node:net'
const { connect } = Socket.prototype
Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0]
  if (options?.path !== '/run/latchgate/gate.sock') throw new Error('connects to ' + options?.path)
  options.path = process.env.GATE_SOCKET
  return connect.apply(this, args)
}
`

let runtime: TempDir
let world: World
const files: string[] = []
const running: ChildProcess[] = []

beforeAll(async () => {
  runtime = tempDir()
  const directory = runtime.file('latchgate')
  mkdirSync(directory, { mode: 0o700 })
  world = await startWorld(
    {
      socketDirectory: directory,
      manifests: { 'send_message.yaml': MANIFEST },
      data: rights('agent-test'),
    },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' } },
  )
  // The hosts of the guide, of which http_fetch lists none.
  for (const domain of ['api.example.com', 'example.com']) {
    const body = { action_id: 'http_fetch', domain, principal: 'agent-test' }
    const added = await asOperator(world, 'POST', '/v1/admin/domains', { body })
    if (added.status !== 200) throw new Error(added.text)
  }
  world.upstream.on('GET', '/data', () => ({ body: { numbers: [1, 2] } }))
  world.upstream.on('POST', '/v1/messages', () => ({ status: 202, body: { id: 'm-1' } }))
  const { operator, root } = world.gate.project
  mkdirSync(join(root, 'operators'), { mode: 0o700 })
  writeFileSync(join(root, 'operators', 'operator.pem'), operator.key.exportPem(), { mode: 0o600 })
})

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  for (const file of files.splice(0)) rmSync(file, { force: true })
})

afterAll(async () => {
  await world?.close()
  runtime?.remove()
})

function rights(principal: string): unknown {
  const allowed_actions = [...ALL_ACTIONS, 'send_message']
  return {
    policy_version: 'guide-1',
    acl: { [principal]: { allowed_actions, allowed_sinks: ALL_SINKS } },
  }
}

function onTcp(address: string): ProjectSettings {
  return {
    keys: [
      `listen_http_addr = "${address}"`,
      `public_base_url = "http://${address}"`,
      'unsafe_expose_http = true',
    ].join('\n'),
    identity: 'none',
    manifests: { 'send_message.yaml': MANIFEST },
  }
}

/** Runs a program text as a module file of its own, below a package that has `latchgate`. */
function runModule(
  code: string,
  env: Readonly<Record<string, string>> = { XDG_RUNTIME_DIR: runtime.path },
  preload?: string,
): Program {
  const file = `${ROOT}packages/e2e/dist/guide-${process.pid}-${files.length}.mjs`
  writeFileSync(file, code)
  files.push(file)
  const imported =
    preload === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
  return runNode([...imported, file], env)
}

/** The operator, at his command line. */
async function operate(...args: readonly string[]): Promise<string> {
  const program = runNode([BIN, '--config', world.gate.project.configFile, ...args], {})
  const { code, out, err } = await program.done
  expect([code, out + err]).toEqual([0, expect.any(String)])
  return out
}

function runNode(args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const child = spawn(process.execPath, args, {
    // The directory that the agent's key lies in.
    cwd: runtime.path,
    env: { PATH: process.env['PATH'], HOME: runtime.path, ...env },
    stdio: 'pipe',
  })
  running.push(child)
  child.stdin.end()
  return observe(child)
}

/** The one snippet that contains a text. */
const snippet = (containing: string): string => GUIDE.block('ts', containing)

test('the guide has these eleven snippets, the published one first', () => {
  expect(SNIPPETS).toHaveLength(11)
  expect(SNIPPETS[0]).toBe(PUBLISHED)
})

test('the published snippet runs to the letter, and ends by itself', async () => {
  const { code, out, err } = await runModule(PUBLISHED).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(new RegExp(`^${UUID}\n$`))
})

test('the loop reads, prints its receipt, and is held for the issue', async () => {
  const sent = world.upstream.requests.length
  const { code, out, err } = await runModule(snippet('api.example.com/data')).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain(`body: '{"numbers":[1,2]}'`)
  expect(out).toMatch(new RegExp(`\nreceipt: ${UUID}\nWaiting for operator approval: ${UUID}\n$`))
  // The read, and nothing of the issue.
  expect(world.upstream.requests.slice(sent).map(({ method }) => method)).toEqual(['GET'])
})

test('the polling loop ends with the decision that the operator made at his command line', async () => {
  for (const decision of ['approved', 'denied']) {
    const sent = world.upstream.requests.length
    const agent = runModule(snippet('getApprovalStatus'))
    const [, id = ''] = await agent.said(new RegExp(`^Approval required: (${UUID})\n`))
    expect(await operate('approvals', 'list')).toContain(id)
    if (decision === 'approved') await operate('approvals', 'approve', id, '--yes')
    else await operate('approvals', 'deny', id)
    const { code, out, err } = await agent.done
    expect([code, err, out]).toEqual([
      0,
      '',
      `Approval required: ${id}\nApproval resolved: ${decision}\n`,
    ])
    expect(world.upstream.requests).toHaveLength(sent + (decision === 'approved' ? 1 : 0))
  }
}, 60_000)

test('waiting gives the result of the one execution', async () => {
  const sent = world.upstream.requests.length
  const agent = runModule(snippet('waitForApproval'))
  const [, id = ''] = await agent.said(new RegExp(`^Approval required: (${UUID})\n`))
  await operate('approvals', 'approve', id, '-y')
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(new RegExp(`\nSent: true, receipt ${UUID}\n$`))
  const messages = world.upstream.requests.slice(sent)
  expect(messages.map(({ url, body }) => [url, JSON.parse(body.toString())])).toEqual([
    [
      '/v1/messages',
      { to: 'cfo@example.com', subject: 'Contract signed', body: 'The deal is closed.' },
    ],
  ])
})

test('a receipt is retrieved, and says that the call fully succeeded', async () => {
  const { code, out, err } = await runModule(snippet('client.getReceipt(')).done
  expect([code, out, err]).toEqual([0, 'Verified: true\n', ''])
})

test('what it may call is listed, and what would be held is marked', async () => {
  const { code, out, err } = await runModule(snippet('held for approval')).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain('http_fetch (low, at once)\n')
  expect(out).toContain('send_message (high, held for approval)\n')
})

test('a receipt is checked here, with keys that were kept', async () => {
  const { code, out, err } = await runModule(snippet('trustedKeys')).done
  expect([code, out, err]).toEqual([0, 'valid matches continuous []\n', ''])
})

test('a call that is denied and a budget that is spent say so', async () => {
  const { code, out, err } = await runModule(snippet('10.0.0.1')).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(
    /^policy_denied: egress_denied: .*\nbudget exhausted for action 'http_fetch'\n$/,
  )
})

test('an agent with a key of its own is known over TCP', async () => {
  const key = await DPoPKeyPair.generate()
  const address = `127.0.0.1:${await freePort()}`
  const overTcp = await startWorld({
    ...onTcp(address),
    data: rights('reader'),
    tables: `[agents.reader]\nprincipal = "reader"\ndpop_jkt = "${key.thumbprint}"`,
  })
  try {
    writeFileSync(runtime.file('reader.pem'), key.exportPem(), { mode: 0o600 })
    const env = { LATCHGATE_URL: `http://${address}` }
    const { code, out, err } = await runModule(snippet('keyFile'), env).done
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain("'send_message'")
  } finally {
    await overTcp.close()
  }
})

test('a named socket is used', async () => {
  const env = { GATE_SOCKET: world.gate.project.socket }
  const { code, out, err } = await runModule(snippet('/run/latchgate'), env, REDIRECT).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(new RegExp(`^${UUID}\n$`))
})

test('LATCHGATE_URL is used', async () => {
  // What the agent is told is what proofs name: the gate has to know its own port.
  const address = `127.0.0.1:${await freePort()}`
  const overTcp = await startWorld({ ...onTcp(address), data: rights('dev:anonymous') })
  try {
    const LATCHGATE_URL = `http://${address}`
    const { code, out, err } = await runModule(snippet('Reads LATCHGATE_URL'), { LATCHGATE_URL })
      .done
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(new RegExp(`^${UUID}\n$`))
  } finally {
    await overTcp.close()
  }
})
