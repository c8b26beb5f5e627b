import type { ApprovalDetail, JsonObject, PlannedTarget } from '@latchgate/protocol'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { executed, refusal } from './approvals-double.js'
import { documentedJson, shapeOf } from './documentation.js'
import { OperatorDesk } from './operator-desk.js'

const RIGHT_TO_LEFT = '\u202e'

let desk: OperatorDesk

beforeAll(async () => {
  desk = await OperatorDesk.open()
})

afterAll(async () => {
  await desk.close()
})

beforeEach(() => {
  desk.gate.held.clear()
  desk.gate.seen.length = 0
  desk.gate.prepared.length = 0
  desk.gate.failing = null
})

function decisions(id: string, verb: 'approve' | 'deny') {
  return desk.gate.bodies('POST', `/v1/approvals/${id}/${verb}`)
}

test('list shows the pending ones, and what the options say', async () => {
  const first = desk.hold({ number: 1 })
  desk.hold({ number: 2, more: { status: 'denied' } })
  const { code, document } = await desk.machine.json(['approvals', 'list'])
  expect([code, document]).toEqual([0, { approvals: [first], count: 1 }])
  expect(shapeOf(Object.keys(document))).toEqual(
    shapeOf(Object.keys(documentedJson('approvals list'))),
  )
  const { stdout } = await desk.machine.run(['approvals', 'list', '--all', '-l', '2'])
  const [denied, what, pending] = stdout.split('\n')
  expect(denied).toMatch(/^0196a1b2-.*0002 {2}denied$/)
  expect(what).toBe('  high  http_post  agent-test  POST https://new.example.com/v1/things')
  expect(pending).toMatch(/^0196a1b2-.*0001 {2}pending, 4m\d\ds left$/)
  await desk.machine.run(['approvals', 'list', '--status', 'expired'])
  expect(desk.gate.seen.map(({ url }) => url)).toEqual([
    '/v1/approvals?status=pending&limit=50',
    '/v1/approvals?limit=2',
    '/v1/approvals?status=expired&limit=50',
  ])
})

test.each([
  [['--status', 'maybe'], "'maybe' is no status: use one of pending, claimed, "],
  [['--all', '--status', 'denied'], '--all and --status exclude each other'],
  [['-l', '0'], "--limit must be from 1 to 200, got '0'"],
  [['-l', '201'], "--limit must be from 1 to 200, got '201'"],
  [['-l', '1e2'], "--limit must be from 1 to 200, got '1e2'"],
])('list %j is wrong usage', async (args, message) => {
  const { code, document } = await desk.machine.json(['approvals', 'list', ...args])
  expect([code, document['code']]).toEqual([2, 'usage'])
  expect(document['error']).toContain(message)
  expect(desk.gate.seen).toEqual([])
})

test('show gives the document as it is, and to people everything of it, hostile text made safe', async () => {
  const held = desk.hold({
    arguments: { url: 'https://new.example.com/', body: `a\u001b[2J${RIGHT_TO_LEFT}\nApproval x` },
    body: `one\ntwo ${RIGHT_TO_LEFT}\u001b[31m`,
    more: { hidden: ['/password'], owner: 'alice', principal: `p${RIGHT_TO_LEFT}` },
  })
  const { code, document } = await desk.machine.json(['approvals', 'show', held.approval_id])
  expect([code, document]).toEqual([0, held])
  const { stdout } = await desk.machine.run(['approvals', 'show', held.approval_id])
  expect(stdout).not.toContain(RIGHT_TO_LEFT)
  expect(stdout).not.toContain('\u001b')
  for (const line of [
    `Approval ${held.approval_id}`,
    '  principal    p\\u202e (owner alice)',
    '  held because the host is not one that the action lists: new.example.com',
    '  request      POST https://new.example.com/v1/things',
    '  header       content-type: application/json',
    '  secrets      API_BEARER_TOKEN: put in by the gate, not shown',
    '  may connect  new.example.com',
    '  hidden       /password of the arguments: sensitive, not shown',
    '  │   "body": "a\\u001b[2J\\u202e\\nApproval x"',
    '  │ one',
    '  │ two \\u202e\\u001b[31m',
    `  plan hash    ${held.plan_hash}`,
  ]) {
    expect(stdout.split('\n')).toContain(line)
  }
})

test('an id may be given by its beginning when only one fits', async () => {
  const first = desk.hold({ number: 0x100000000001 })
  desk.hold({ number: 0x200000000001 })
  const unique = first.approval_id.slice(0, 25)
  const shown = await desk.machine.json(['approvals', 'show', unique.toUpperCase()])
  expect([shown.code, shown.document['approval_id']]).toEqual([0, first.approval_id])
  const several = await desk.machine.json(['approvals', 'show', '0196a1'])
  expect([several.code, several.document['code']]).toEqual([1, 'ambiguous_id'])
  expect(several.document['approval_ids']).toHaveLength(2)
  const short = await desk.machine.json(['approvals', 'show', '0196a'])
  expect([short.code, short.document['code']]).toEqual([2, 'usage'])
  for (const id of ['ffffffff', '../../healthz', 'x'.repeat(40), `${first.approval_id}0`]) {
    const { code, document } = await desk.machine.json(['approvals', 'show', id])
    expect([id, code, document['code']]).toEqual([id, 1, 'not_found'])
  }
})

test('a decided call does not take part in what a prefix to approve means', async () => {
  const pending = desk.hold({ number: 1 })
  desk.hold({ number: 2, more: { status: 'approved' } })
  const { code } = await desk.machine.json(['approvals', 'approve', '0196a1b2', '-y'])
  expect([code, decisions(pending.approval_id, 'approve').length]).toEqual([0, 1])
})

test('approve -y sends the plan that was read and a decision signed for this log', async () => {
  const held = desk.hold()
  const { code, document } = await desk.machine.json([
    'approvals',
    'approve',
    held.approval_id,
    '-y',
  ])
  expect([code, document]).toEqual([
    0,
    { ok: true, approval_id: held.approval_id, result: executed(held) },
  ])
  expect(shapeOf({ ...document, result: {} })).toEqual(
    shapeOf({ ...documentedJson('approvals approve'), result: {} }),
  )
  // That it verifies, and is about this plan, the double has checked.
  expect(decisions(held.approval_id, 'approve')).toEqual([
    { plan_hash: held.plan_hash, attestation: expect.any(String) as string },
  ])
})

test('without a terminal nothing is approved unless it is said, and --json says nothing', async () => {
  const held = desk.hold()
  for (const more of [[], ['--json']]) {
    const { code, stdout, stderr } = await desk.machine.run([
      'approvals',
      'approve',
      held.approval_id,
      ...more,
    ])
    expect(code).toBe(1)
    expect(stdout + stderr).toContain(
      'there is nobody to ask (no terminal, or --json): nothing was approved',
    )
  }
  expect(desk.gate.seen).toEqual([])
})

test('--plan-hash approves that plan and no other', async () => {
  const held = desk.hold()
  const approve = ['approvals', 'approve', held.approval_id, '-y', '--plan-hash']
  const other = await desk.machine.json([...approve, '0'.repeat(64)])
  expect([other.code, other.document['code'], other.document['plan_hash']]).toEqual([
    1,
    'plan_changed',
    held.plan_hash,
  ])
  expect(decisions(held.approval_id, 'approve')).toEqual([])
  expect((await desk.machine.json([...approve, held.plan_hash])).code).toBe(0)
})

test.each<[string, { readonly arguments?: JsonObject; readonly target?: Partial<PlannedTarget> }]>([
  ['an argument', { arguments: { url: 'https://harmless.example/' } }],
  ['the URL', { target: { url: 'https://harmless.example/' } }],
  ['the body', { target: { body: 'harmless' } }],
  ['text that has no canonical form', { arguments: { a: '\ud800' } }],
])(
  'a gate that shows another plan than it asks to sign gets no signature: %s',
  async (_what, change) => {
    const held = desk.hold()
    const plan = { ...held.plan, ...change, target: { ...held.plan.target, ...change.target } }
    desk.gate.hold({ ...held, plan })
    const { code, document } = await desk.machine.json([
      'approvals',
      'approve',
      held.approval_id,
      '-y',
    ])
    expect([code, document['code']]).toEqual([1, 'plan_changed'])
    expect(decisions(held.approval_id, 'approve')).toEqual([])
    const { stdout } = await desk.machine.run(['approvals', 'show', held.approval_id])
    expect(stdout).toContain('COMPUTED HERE FROM WHAT IS SHOWN: ANOTHER ONE')
  },
)

test.each<[string, Partial<ApprovalDetail>]>([
  ['principal', { principal: 'agent-trusted' }],
  ['owner', { owner: 'alice' }],
  ['action', { action_id: 'http_fetch' }],
  ['version', { action_version: '1.0.0' }],
  ['session', { session_id: '0196a1b2-0000-7000-8000-000000000ccc' }],
  ['secrets', { approved_secrets: [] }],
  ['effects', { approved_targets: ['http_read'] }],
  ['hosts', { approved_egress: 'none' }],
  ['reasons', { reasons: [] }],
  ['number of approvals', { required: 2 }],
  ['quorum', { quorum: { min: 1, distinct_from_requester: true } }],
  ['verifier', { verifier_kind: 'none' }],
  ['provider', { provider_module_digest: 'builtin:other' }],
  ['end', { expires_at: '2999-01-01T00:00:00.000Z' }],
])(
  'a gate that tells of another %s than the plan has gets no signature, whether or not members are hidden',
  async (_what, change) => {
    for (const hidden of [[], ['/body']]) {
      const held = desk.hold()
      desk.gate.hold({ ...held, ...change, hidden })
      const id = held.approval_id
      const { code, document } = await desk.machine.json(['approvals', 'approve', id, '-y'])
      expect([code, document['code']]).toEqual([1, 'plan_changed'])
      expect(decisions(id, 'approve')).toEqual([])
      const { stdout } = await desk.machine.run(['approvals', 'show', id])
      expect(stdout).toContain('COMPUTED HERE FROM WHAT IS SHOWN: ANOTHER ONE')
    }
  },
)

test('an approval whose plan is not kept any more is shown, and not approved', async () => {
  const { plan: _plan, hidden: _hidden, ...rest } = desk.hold({ more: { status: 'approved' } })
  desk.gate.held.set(rest.approval_id, rest as never)
  const { code, stdout } = await desk.machine.run(['approvals', 'show', rest.approval_id])
  expect(code).toBe(0)
  expect(stdout).toContain('(the rest of the plan is not kept any more)')
  const done = await desk.machine.json(['approvals', 'approve', rest.approval_id, '-y'])
  expect([done.code, done.document['code']]).toEqual([1, 'already_decided'])
})

test('what is to be remembered is signed too; for whom is said; nothing is remembered by itself', async () => {
  const one = desk.hold({ number: 1 })
  const two = desk.hold({ number: 2 })
  await desk.machine.json(['approvals', 'approve', one.approval_id, '-y'])
  const all = ['--learn-domain', 'new.example.com', '--learn-path', 'src/**', '--everybody']
  await desk.machine.json(['approvals', 'approve', two.approval_id, '-y', ...all])
  expect(decisions(one.approval_id, 'approve')[0]).not.toHaveProperty('learn')
  expect(decisions(two.approval_id, 'approve')[0]?.['learn']).toEqual({
    domain: 'new.example.com',
    path: 'src/**',
    everybody: true,
  })
  const nothing = await desk.machine.json([
    'approvals',
    'approve',
    one.approval_id,
    '-y',
    '--everybody',
  ])
  expect([nothing.code, nothing.document['code']]).toEqual([2, 'usage'])
})

test('no decision is signed for the log of another gate', async () => {
  const held = desk.hold({ log: 'somebody-elses' })
  for (const verb of ['approve', 'deny'] as const) {
    const yes = verb === 'approve' ? ['-y'] : []
    const { code, document } = await desk.machine.json([
      'approvals',
      verb,
      held.approval_id,
      ...yes,
    ])
    expect([code, document['code'], document['log'], document['gate_name']]).toEqual([
      1,
      'other_log',
      'somebody-elses',
      desk.log,
    ])
    expect(decisions(held.approval_id, verb)).toEqual([])
  }
})

test('on a terminal the plan is shown, remembering offered, and only the word yes approves', async () => {
  const held = desk.hold()
  const approve = ['approvals', 'approve', held.approval_id]
  for (const [remember, answer, isApproved] of [
    ['', 'y', false],
    ['n', '', false],
    ['\u0004', null, false],
    ['', '\u0003', false],
    ['y', 'yes', true],
  ] as const) {
    const terminal = desk.terminal(approve, { size: { columns: 90, rows: 60 } })
    await terminal.shows(
      "Remember 'new.example.com' for later calls of http_post by agent-test? [y/N]",
    )
    expect(terminal.screen.text).toContain('  request      POST https://new.example.com/v1/things')
    terminal.type(remember === '\u0004' ? remember : `${remember}\r`)
    if (answer !== null) {
      await terminal.shows('Approve http_post of agent-test as shown? Type yes:')
      terminal.type(answer === '\u0003' ? answer : `${answer}\r`)
    }
    expect(await terminal.ended).toEqual({ code: 0, signal: null })
    const last = isApproved ? 'approved, and http_post executed' : 'cancelled: nothing was approved'
    expect(terminal.screen.text).toContain(last)
    expect(decisions(held.approval_id, 'approve')).toHaveLength(isApproved ? 1 : 0)
  }
  expect(decisions(held.approval_id, 'approve')[0]).toMatchObject({
    learn: { domain: 'new.example.com' },
  })
})

test.each([
  [409, 'plan_hash_mismatch', 'look at the plan again: latchgate approvals show '],
  [409, 'approval_expired', 'the agent has to make the call again'],
  [409, 'approval_revoked', 'the agent has to make the call again'],
  [409, 'policy_changed', 'the agent has to make the call again'],
  [409, 'conflict', 'see who decides, or whether it is executing: latchgate approvals show '],
  [403, 'approver_not_eligible', 'another operator has to approve'],
  [400, 'attestation_invalid', "compare this machine's clock"],
  [503, 'draining', 'latchgate drain --undo takes it back'],
])('a refusal %i %s is told with what to do', async (status, code, hint) => {
  const held = desk.hold()
  desk.gate.prepared.push(refusal(status, code))
  const done = await desk.machine.json(['approvals', 'approve', held.approval_id, '-y'])
  expect([done.code, done.document]).toEqual([
    1,
    {
      ok: false,
      error: `the gate answered ${status}: ${code}: No.`,
      code: 'gate_refused',
      hint: expect.stringContaining(hint) as string,
      approval_id: held.approval_id,
      status,
      gate_error: code,
    },
  ])
})

test('a call that was approved and failed is told with its receipt', async () => {
  const held = desk.hold()
  desk.gate.prepared.push({
    status: 502,
    json: { error: 'action_execution_failed', message: 'No.', receipt_id: 'receipt-7' },
  })
  const done = await desk.machine.json(['approvals', 'approve', held.approval_id, '-y'])
  expect([done.code, done.document['receipt_id'], done.document['hint']]).toEqual([
    1,
    'receipt-7',
    'what happened: latchgate receipts show receipt-7',
  ])
})

test('a call that was executed and did not fully succeed is told as that', async () => {
  const held = desk.hold()
  const verification = { outcome: 'verification_failed', is_fully_successful: false }
  desk.gate.prepared.push({ status: 200, json: executed(held, { verification }) })
  const { code, stdout, stderr } = await desk.machine.run([
    'approvals',
    'approve',
    held.approval_id,
    '-y',
  ])
  expect(code).toBe(0)
  expect(stdout).toContain('✓  approved, and http_post executed\n')
  expect(stdout).toMatch(/\n {2}receipt +receipt-1\n/)
  expect(stderr).toBe('⚠  it did not fully succeed: verification_failed\n')
})

test('an approval that waits for others is done, and says how many', async () => {
  const held = desk.hold()
  const json = {
    status: 'pending',
    approval_id: held.approval_id,
    approvals: 1,
    required: 2,
    trace_id: 't',
  }
  desk.gate.prepared.push({ status: 202, json })
  const { code, stdout } = await desk.machine.run(['approvals', 'approve', held.approval_id, '-y'])
  expect(code).toBe(0)
  expect(stdout).toContain('✓  your approval counts: 1 of 2; another operator has to approve\n')
})

test.each([
  ['approve', 'already_approved', 0],
  ['approve', 'already_denied', 1],
  ['approve', 'already_failed', 1],
  ['deny', 'already_denied', 0],
  ['deny', 'already_approved', 1],
  ['deny', 'already_failed', 1],
] as const)('%s of what is %s ends with %i', async (verb, decision, expected) => {
  const held = desk.hold()
  const json = {
    decision,
    approval_id: held.approval_id,
    status: decision.replace('already_', ''),
    trace_id: 't',
  }
  desk.gate.prepared.push({ status: 200, json })
  const yes = verb === 'approve' ? ['-y'] : []
  const { code, document } = await desk.machine.json(['approvals', verb, held.approval_id, ...yes])
  expect([code, document['ok'], document['code'], document['result']]).toEqual([
    expected,
    expected === 0,
    expected === 0 ? undefined : 'already_decided',
    json,
  ])
})

test('deny sends the reason, signed; a reason that is too long is refused before', async () => {
  const held = desk.hold()
  const deny = ['approvals', 'deny', held.approval_id]
  const long = await desk.machine.json([...deny, '-r', 'é'.repeat(251)])
  expect([long.code, long.document['error']]).toEqual([
    2,
    'the reason has 502 bytes, at most 500 are kept',
  ])
  const { code, document } = await desk.machine.json([...deny, '--reason', 'not during the freeze'])
  expect([code, document['ok'], document['approval_id']]).toEqual([0, true, held.approval_id])
  expect(decisions(held.approval_id, 'deny')).toEqual([
    {
      reason: 'not during the freeze',
      plan_hash: held.plan_hash,
      attestation: expect.any(String) as string,
    },
  ])
})

test('a decision without an answer is not called failed', async () => {
  const held = desk.hold({ timeoutSeconds: 1 })
  desk.gate.prepared.push('hang')
  const running = desk.machine.start(['approvals', 'approve', held.approval_id, '-y', '--json'])
  while (decisions(held.approval_id, 'approve').length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await desk.gate.stop()
  const { code, stdout } = await running.done
  await desk.gate.start()
  expect([code, JSON.parse(stdout)]).toMatchObject([
    1,
    {
      code: 'outcome_unknown',
      approval_id: held.approval_id,
      hint: `look: latchgate approvals show ${held.approval_id}`,
    },
  ])
})

test('watch without a terminal says what programs use', async () => {
  for (const more of [[], ['--json']]) {
    const { code, stdout, stderr } = await desk.machine.run(['approvals', 'watch', ...more])
    expect(code).toBe(1)
    expect(stdout + stderr).toContain('programs read: latchgate approvals list --json')
  }
})
