import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyAttestation } from '@latchgate/protocol/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  approvalLeaves,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { holdCall } from '../src/harness/approvals.js'
import { McpLines } from '../src/harness/mcp-lines.js'
import { PUBLIC_BASE, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

let world: World
let keyFile: string
const sessions: McpLines[] = []

beforeEach(async () => {
  world = await startApprovalWorld()
  const { operator, root } = world.gate.project
  keyFile = join(root, 'mcp-operator.pem')
  writeFileSync(keyFile, operator.key.exportPem(), { mode: 0o600 })
})

afterEach(async () => {
  for (const one of sessions.splice(0)) await one.end()
  await world.close()
})

function start(token: string, flags: readonly string[] = []): McpLines {
  const { adminSocket } = world.gate.project
  const args = ['operator', '--admin-socket', adminSocket, '--operator-key', keyFile, ...flags]
  const env = { LATCHGATE_OPERATOR_TOKEN: token, LATCHGATE_PUBLIC_URL: PUBLIC_BASE }
  const session = new McpLines(args, env)
  sessions.push(session)
  return session
}

async function openSession(flags: readonly string[] = []): Promise<McpLines> {
  const session = start(world.gate.project.operator.apiKey, flags)
  await session.initialize()
  return session
}

test('an operator lists, shows and denies a held call, which never runs', async () => {
  const lease = await takeLease(world.client)
  const { id: approvalId } = await holdCall(world, lease, 'github_create_issue', issue())
  const session = await openSession()

  const listed = await session.call('latchgate_list_pending')
  expect(listed.isError).toBe(false)
  expect(JSON.stringify(listed.json)).toContain(approvalId)

  const shown = await session.call('latchgate_get_approval', { approval_id: approvalId })
  expect(shown.json).toMatchObject({ approval_id: approvalId, action_id: 'github_create_issue' })

  const denied = await session.call('latchgate_deny', {
    approval_id: approvalId,
    reason: 'not\u001b[2Jnow',
  })
  expect(denied.isError).toBe(false)
  expect(denied.json).toMatchObject({ approval_id: approvalId, decision: 'deny' })
  expect(recordsOf(world.gate.project.ledger, approvalId)).toEqual([
    'hold pending_approval',
    'approval denied',
  ])
  expect(world.upstream.requests).toEqual([])
  expect(await session.end()).toBe(0)
  expect(session.stderr).toBe('')
})

test("a denial carries the operator's signature over the plan and the reason, as the CLI's does", async () => {
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  const session = await openSession()
  const { json: shown } = await session.call('latchgate_get_approval', { approval_id: id })
  const args = { approval_id: id, reason: 'not today' }
  expect((await session.call('latchgate_deny', args)).isError).toBe(false)
  const denial = approvalLeaves(world.gate.project.ledger, id).find(
    ({ body }) => body['decision'] === 'denied',
  )
  const verdict = verifyAttestation(String(denial?.body['attestation']), {
    audience: String(shown['log']),
    approvalId: id,
    planHash: String(shown['plan_hash']),
    decision: 'deny',
    jkt: world.gate.project.operator.key.thumbprint,
    nowSeconds: Math.floor(Date.now() / 1000),
  })
  expect(verdict).toMatchObject({ ok: true, value: { reason: 'not today', learn: null } })
})

test('nothing is signed for the log of another gate', async () => {
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  const session = await openSession(['--gate-name', 'gate-of-somebody-else'])
  const denied = await session.call('latchgate_deny', { approval_id: id })
  expect(denied).toEqual({
    isError: true,
    json: {
      code: 'conflict',
      message: "this approval is of the log 'latchgate-test', not of this gate's: not signed",
      action_id: 'latchgate_deny',
    },
  })
  expect(recordsOf(world.gate.project.ledger, id)).toEqual(['hold pending_approval'])
})

test("what would mislead a reader's eye in an agent's text is shown by its code", async () => {
  const lease = await takeLease(world.client)
  const call = { ...issue(), title: 'safe \u202egnihtemos \u2066else\u200b' }
  const { id } = await holdCall(world, lease, 'github_create_issue', call)
  const session = await openSession()
  const { result } = await session.ask('tools/call', {
    name: 'latchgate_get_approval',
    arguments: { approval_id: id },
  })
  const [{ text } = { text: '' }] = (result as { content: { text: string }[] }).content
  expect(text).toContain('safe \\u202egnihtemos \\u2066else\\u200b')
  expect(text).not.toMatch(/[\u202e\u2066\u200b]/)
  expect(JSON.parse(text)).toMatchObject({ plan: { arguments: { title: call.title } } })
})

test('held calls and audit events are resources, and prompts name whose words they hold', async () => {
  const lease = await takeLease(world.client)
  const { id, answer } = await holdCall(world, lease, 'github_create_issue', issue())
  const session = await openSession()
  const read = async (uri: string): Promise<string> => {
    const { result } = await session.ask('resources/read', { uri })
    return (result as { contents: { text: string }[] }).contents[0]?.text ?? ''
  }
  expect(await read('latchgate://approvals/pending')).toContain(id)
  expect(await read('latchgate://audit/recent')).toContain('github_create_issue')
  expect((await session.ask('resources/read', { uri: 'file:///etc/passwd' }))['error']).toEqual({
    code: -32602,
    message:
      'there is no such resource; there are latchgate://approvals/pending and latchgate://audit/recent',
  })
  const trace = String(answer.json()['trace_id'])
  const explained = await session.ask('prompts/get', {
    name: 'explain_denial',
    arguments: { trace_id: trace },
  })
  expect(JSON.stringify(explained['result'])).toContain('never instructions')
  expect(JSON.stringify(explained['result'])).toContain('pending_approval')
  const reviewed = await session.ask('prompts/get', { name: 'review_pending' })
  expect(JSON.stringify(reviewed['result'])).toContain(id)
  const wrong = { name: 'explain_denial', arguments: { trace_id: '../x' } }
  expect((await session.ask('prompts/get', wrong))['error']).toMatchObject({ code: -32602 })
})

test('garbage is answered and skipped here too', async () => {
  const session = await openSession()
  session.write('nonsense\n')
  expect(await session.find((one) => one['id'] === null)).toMatchObject({ error: { code: -32700 } })
  expect(await session.ask('ping')).toMatchObject({ result: {} })
})

test('an approval that nobody knows, and a gate that has gone, are errors of the tool', async () => {
  const session = await openSession()
  const args = { approval_id: '0199a1b2-0000-7000-8000-000000000000' }
  expect((await session.call('latchgate_deny', args)).json['code']).toBe('action_not_found')
  await world.gate.close()
  const away = await session.call('latchgate_list_pending')
  expect(away.json['code']).toBe('gate_unavailable')
  expect(away.json['message']).toContain('latchgate status')
  expect(JSON.stringify(away)).not.toContain(world.gate.project.operator.apiKey)
})

test.each([
  [['--operator-token', 'secret-on-the-command-line'], 'LATCHGATE_OPERATOR_TOKEN'],
  [['--enable-allowlist-tool'], 'latchgate policy grant'],
])('%j of an earlier version is refused, with what to do', async (flags, remedy) => {
  const session = start(world.gate.project.operator.apiKey, flags)
  expect(await session.exit).toBe(1)
  expect(session.stderr).toContain(remedy)
  expect(session.stderr).not.toContain('secret-on-the-command-line')
})

test('no tool of an operator session approves, and none is called under such a name', async () => {
  const session = await openSession()
  const { result } = await session.ask('tools/list')
  const { tools } = result as { tools: { name: string }[] }
  expect(tools.map(({ name }) => name)).toEqual([
    'latchgate_list_pending',
    'latchgate_get_approval',
    'latchgate_deny',
  ])
  for (const name of ['latchgate_approve', 'latchgate_allowlist', 'github_create_issue']) {
    expect(await session.call(name, { approval_id: 'x' })).toEqual({
      isError: true,
      json: {
        code: 'action_not_found',
        message: `there is no tool '${name}'`,
        action_id: name,
      },
    })
  }
})

test.each([
  [
    { approval_id: '../v1/leases' },
    'arguments/approval_id is not what it has to be (Id of the approval: a UUID in lower case)',
  ],
  [{}, "arguments must have required property 'approval_id'"],
  [
    { approval_id: '0199a1b2-0000-7000-8000-000000000000', plan: 1 },
    "arguments must NOT have additional properties ('plan')",
  ],
  [
    { approval_id: '0199a1b2-0000-7000-8000-000000000000', reason: 'ä'.repeat(251) },
    'reason must be a text of at most 500 bytes',
  ],
])('arguments %j are refused before the gate is asked', async (args, message) => {
  const session = await openSession()
  expect(await session.call('latchgate_deny', args)).toEqual({
    isError: true,
    json: {
      code: 'schema_validation',
      message: expect.stringContaining(message),
      action_id: 'latchgate_deny',
    },
  })
})

test('a token that the gate does not know ends the session before it begins, unnamed', async () => {
  const session = start('key-of-nobody')
  expect(await session.exit).toBe(1)
  expect(session.stderr).toBe(
    'error: the gate answered 401 (unauthorized: No operator has this key.): check --admin-socket, ' +
      "--operator-key and the operator's api_key\n",
  )
})

test('a key that others can read is not used', async () => {
  chmodSync(keyFile, 0o644)
  const session = start(world.gate.project.operator.apiKey)
  expect(await session.exit).toBe(1)
  expect(session.stderr).toBe(
    `error: refusing the operator key ${keyFile}: others can read it (mode 0644): chmod 600 ${keyFile}\n`,
  )
})
