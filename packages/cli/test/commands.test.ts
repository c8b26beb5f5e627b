import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createTestCa, startUpstream, type Upstream } from '@latchgate/testkit'
import { LatchGateClient } from 'latchgate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'

const RIGHT_TO_LEFT = '\u202e'
const ESCAPE = '\u001b[31m'

const HOSTILE_ACTION = `
action_id: hostile
version: "1.0.0"
description: "red \\e[31m and turned \\u202e text."
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: {profile: proxy_allowlist, allowed_domains: [api.github.com]}
template: {method: GET, url_template: "https://api.github.com/{{path}}", path_params: [path]}
io:
  request_schema:
    type: object
    additionalProperties: false
    required: [path]
    properties: {path: {type: string, description: "\\u202e"}}
`

let machine: Machine
let upstream: Upstream
let pid: number
let receiptId: string
let release: () => void = () => undefined

beforeAll(async () => {
  machine = new Machine()
  const ca = await createTestCa()
  upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  upstream.on('GET', '/slow', async () => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return { status: 200, body: 'late' }
  })
  await machine.up()
  await machine.run(['down'])
  writeFileSync(machine.file('ca.pem'), ca.caPem, { mode: 0o600 })
  writeFileSync(machine.file('manifests', 'hostile.yaml'), HOSTILE_ACTION, { mode: 0o600 })
  const config = readFileSync(machine.file('latchgate.toml'), 'utf8')
  const egress = `egress_insecure = true\n[egress]\nextra_ca_file = "ca.pem"\n[egress.unsafe_resolve]\n"api.github.com:443" = "${upstream.address}"\n`
  writeFileSync(machine.file('latchgate.toml'), `${config}${egress}`)
  pid = (await machine.up())['pid'] as number
  const client = agent()
  const url = `https://api.github.com/${RIGHT_TO_LEFT}`
  receiptId = (await client.execute('http_fetch', { url })).receiptId
  await client.close()
})

afterAll(async () => {
  await machine.remove()
  await upstream.close()
})

function agent(): LatchGateClient {
  return new LatchGateClient({ socket: machine.socket, agentId: 'test' })
}

test('status tells where everything is, that agent and gate are not separated, and its figures', async () => {
  const { code, document } = await machine.json(['status'])
  const user = (document['not_separated'] as string[])[0]
  expect(code).toBe(0)
  expect(document).toEqual({
    config: machine.file('latchgate.toml'),
    source: `project (${machine.file('latchgate.toml')})`,
    dev_mode: true,
    relaxed: ['identity_insecure', 'egress_insecure'],
    not_separated: [user],
    unsafe_resolve: { 'api.github.com:443': upstream.address },
    socket: machine.socket,
    admin_socket: machine.adminSocket,
    ledger: machine.file('data', 'audit.db'),
    log_key: expect.stringMatching(
      /^latchgate-[0-9a-f]{8}\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}$/,
    ) as string,
    gate: { running: true, listener: 'this_gate', pid },
    detail: {
      status: 'ok',
      version: '0.3.0',
      uptime_seconds: expect.any(Number) as number,
      actions_registered: 15,
      pending_approvals: 0,
      revocation_epoch: 0,
      draining: false,
      in_flight_executions: 0,
      unknown_intents: 0,
      dependencies: { redis: true, opa: true, ledger: true },
      webhooks: { active: false, pending_deliveries: 0 },
    },
  })
  const documented = { ...documentedJson('status'), unsafe_resolve: {} }
  expect(shapeOf({ ...document, unsafe_resolve: {}, relaxed: ['egress_insecure'] })).toEqual(
    shapeOf(documented),
  )
  const { stdout } = await machine.run(['status'])
  expect(stdout).toContain('  posture         relaxed (identity_insecure, egress_insecure)\n')
  expect(stdout).toContain(`  separation      not separated: ${user}\n`)
  expect(stdout).toContain(`  unsafe_resolve  api.github.com:443 → ${upstream.address}\n`)
  expect(stdout).toContain(`  socket          ${machine.socket}\n`)
  expect(stdout).toContain(`  admin socket    ${machine.adminSocket}\n`)
  expect(stdout).toContain(`  gate            ✓ running, pid ${pid}\n`)
})

test("the gate's log names at start each flag that relaxes the posture, and where it leads hosts", () => {
  const lines = readFileSync(machine.file('logs', 'gate.log'), 'utf8').trim().split('\n')
  const said = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(said.findLast(({ msg }) => msg === 'the posture is relaxed')).toMatchObject({
    level: 'warn',
    flags: ['identity_insecure', 'egress_insecure'],
    unsafe_resolve: { 'api.github.com:443': upstream.address },
  })
})

test('status without a usable operator still answers, and says what is missing', async () => {
  const pem = machine.file('operators', 'operator.pem')
  chmodSync(pem, 0o644)
  const { code, document } = await machine.json(['status'])
  const { stderr } = await machine.run(['status'])
  const show = await machine.json(['receipts', 'show', receiptId])
  chmodSync(pem, 0o600)
  expect([code, document['detail']]).toEqual([0, null])
  expect(stderr).toContain(`the operator's private key ${pem} has mode 0644: others could use it`)
  expect(stderr).toContain(`chmod 600 ${pem}`)
  expect([show.code, show.document['code']]).toEqual([1, 'operator_key'])
})

test('an operator that the gate does not know is refused with a remedy', async () => {
  const { code, document } = await machine.json(['receipts', 'show', receiptId], {
    env: {
      LATCHGATE_OPERATOR_KEY: 'key-nobody-0123456789abcdef',
      LATCHGATE_OPERATOR_PRIVATE_KEY: machine.file('operators', 'operator.pem'),
    },
  })
  expect([code, document]).toEqual([
    1,
    {
      ok: false,
      error: expect.stringMatching(/^the gate answered 401: unauthorized/) as string,
      code: 'gate_refused',
      hint: 'the gate does not know this operator: pass --operator-key and --operator-private-key',
      status: 401,
    },
  ])
  const half = await machine.json(['status', '--operator-key', 'key-nobody-0123456789abcdef'])
  expect([half.code, half.document['detail']]).toEqual([0, null])
})

test('actions lists what the gate offers, in the documented shape', async () => {
  const { code, document } = await machine.json(['actions'])
  const actions = document['actions'] as Record<string, string>[]
  expect([code, actions.length, Object.keys(document)]).toEqual([0, 15, ['actions']])
  expect(shapeOf({ actions: actions.slice(0, 1) })).toEqual(shapeOf(documentedJson('actions')))
  const { stdout } = await machine.run(['actions'])
  expect(stdout).toMatch(/^ {2}action_id +version {2}risk {4}what it does\n/)
  expect(stdout).toMatch(/\n {2}http_fetch +2\.0\.0 +low +Fetches a public URL/)
})

test('one action is shown with hosts, limits and parameters', async () => {
  const { code, document } = await machine.json(['actions', 'http_fetch'])
  expect([code, document['action_id'], document['risk_level']]).toEqual([0, 'http_fetch', 'low'])
  const { stdout } = await machine.run(['actions', 'http_fetch'])
  expect(stdout).toMatch(/^http_fetch {2}2\.0\.0 {2}risk low\n/)
  expect(stdout).toContain('  egress          httpbin.org, api.github.com, ')
  expect(stdout).toContain('"maxLength": 2048')
})

test.each([['nope'], ['../../healthz'], [RIGHT_TO_LEFT]])(
  'an action %j that does not exist is not found, and the name printed safely',
  async (name) => {
    const { code, document } = await machine.json(['actions', name])
    expect([code, document]).toEqual([
      1,
      {
        ok: false,
        error: `there is no action '${name}'`,
        code: 'not_found',
        hint: 'list them with: latchgate actions',
      },
    ])
    const { stderr, stdout } = await machine.run(['actions', name])
    expect(stdout + stderr).not.toContain(RIGHT_TO_LEFT)
  },
)

test('a receipt is shown with its effect, and its signature checked here', async () => {
  const { code, document } = await machine.json(['receipts', 'show', receiptId])
  const receipt = document['receipt'] as Record<string, unknown>
  expect([code, document]).toEqual([
    0,
    {
      ok: true,
      receipt,
      log_index: 6,
      checked: { signature: 'valid', result_hash: 'matches', payload: 'withheld' },
    },
  ])
  expect([receipt['receipt_id'], receipt['action_id']]).toEqual([receiptId, 'http_fetch'])
  expect(shapeOf({ ...document, receipt: {} })).toEqual(shapeOf(documentedJson('receipts show')))
  const { stdout } = await machine.run(['receipts', 'show', receiptId])
  expect(stdout).toMatch(
    /\n {2}effect +GET https:\/\/api\.github\.com\/\S+ → answered 200 from 127/,
  )
  expect(stdout).toMatch(/\n {2}signature +valid \(key [0-9a-f]{16}, checked here\)\n/)
})

test('a receipt that does not exist is not found', async () => {
  for (const id of ['nope', '../x', '01a20fd7-cd4a-7ff7-9f17-05096149a0da']) {
    const { code, document } = await machine.json(['receipts', 'show', id])
    expect([id, code, document['code']]).toEqual([id, 1, 'not_found'])
  }
})

test('hostile text of manifests, agents and file names reaches no terminal as it is', async () => {
  for (const args of [
    ['actions'],
    ['actions', 'hostile'],
    ['receipts', 'show', receiptId],
    ['verify', '--ledger', `/nowhere/${RIGHT_TO_LEFT}${ESCAPE}`],
    ['verify', '--key', ESCAPE],
    ['--config', `/nowhere/${ESCAPE}`, 'status'],
  ]) {
    for (const more of [[], ['--json']]) {
      const { stdout, stderr } = await machine.run([...args, ...more])
      expect(stdout + stderr).not.toContain(RIGHT_TO_LEFT)
      expect(stdout + stderr).not.toContain('\u001b')
    }
  }
  const { stdout } = await machine.run(['actions', 'hostile'])
  expect(stdout).toContain('red \\u001b[31m and turned \\u202e text.')
  const { document } = await machine.json(['actions', 'hostile'])
  expect(document['description']).toBe(`red ${ESCAPE} and turned ${RIGHT_TO_LEFT} text.`)
})

test('a first signal waits for the call in flight, a second one ends the gate with 130', async () => {
  await machine.run(['down'])
  const running = machine.start(['up'])
  await running.said('LatchGate is ready')
  const client = agent()
  const call = client.execute('http_fetch', { url: 'https://api.github.com/slow' })
  const outcome = call.then(
    () => 'answered',
    () => 'cut off',
  )
  while (!upstream.requests.some((request) => request.url === '/slow')) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  running.child.kill('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(running.child.exitCode).toBeNull()
  running.child.kill('SIGINT')
  const { code, signal } = await running.done
  expect([code, signal, await outcome]).toEqual([130, null, 'cut off'])
  await client.close()
  release()
  await machine.up()
  const { document } = await machine.json(['status'])
  expect((document['detail'] as Record<string, unknown>)['unknown_intents']).toBe(1)
  const { stderr } = await machine.run(['status'])
  expect(stderr).toContain('⚠  1 dispatched call(s) have no known outcome\n')
})

test('without a gate, what needs one fails with the way to start it', async () => {
  await machine.run(['down'])
  for (const args of [['actions'], ['actions', 'http_fetch'], ['receipts', 'show', receiptId]]) {
    const { code, document } = await machine.json(args)
    expect([code, document]).toEqual([
      1,
      {
        ok: false,
        error: `no gate is running (nobody on ${machine.adminSocket})`,
        code: 'gate_not_running',
        hint: 'start it with: latchgate up -d',
      },
    ])
  }
  const { code, document } = await machine.json(['status'])
  expect([code, document['gate'], document['detail']]).toEqual([
    1,
    { running: false, listener: null, pid: null },
    null,
  ])
})
