import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '@latchgate/gate'
import { canonicalBytes, type JsonObject } from '@latchgate/protocol'
import { sha256Hex } from '@latchgate/protocol/node'
import { afterEach, expect, test } from 'vitest'
import {
  approvalLeaves,
  findingsOf,
  issue,
  recordsOf,
  startApprovalWorld,
  until,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, holdCall } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS, startTestGate } from '../src/harness/gate.js'
import {
  executeRaw,
  type HeldLease,
  type RawAnswer,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const STORED = 'what is stored is not what was shown: nothing was done, repeat the call'
const ACTION = 'note_create'

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

const manifest = (description: string, provider = 'builtin:http_api'): string =>
  `# Risk rationale: an action of the tests.
action_id: ${ACTION}
version: "1.0.0"
description: ${description}
provider_module_digest: ${provider}
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: high
declared_side_effects: [http_write]
verifier_kind: http_status
verification_config: { expected_status: [201] }
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 100000000, memory_mb: 16, timeout_seconds: 5, max_io_calls: 3, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 65536
  request_schema: { type: object, additionalProperties: false, properties: {} }
  response_schema: { type: object, required: [ok, data], properties: { ok: { type: boolean }, data: { type: object } } }
template: { method: POST, url_template: "https://api.github.com/notes", body_template: { a: 1 } }
`

const data = (version: string): JsonObject => ({
  policy_version: version,
  acl: {
    'agent-test': { allowed_actions: [...ALL_ACTIONS, ACTION], allowed_sinks: ALL_SINKS },
  },
})

async function begin(tables = ''): Promise<{ readonly world: World; readonly lease: HeldLease }> {
  const world = await startApprovalWorld({
    tables,
    data: data('test-1'),
    manifests: { 'note.yaml': manifest('Makes a note.') },
  })
  open.push(world)
  world.upstream.on('POST', '/notes', () => ({ status: 201, body: {} }))
  return { world, lease: await takeLease(world.client) }
}

/** Changes the ledger's file with a second connection, as whoever can write it would. */
function inFile(world: World, change: (db: ReturnType<typeof openDatabase>) => void): void {
  const db = openDatabase(world.gate.project.ledger)
  try {
    db.exec('PRAGMA busy_timeout = 2000')
    change(db)
  } finally {
    db.close()
  }
}

/** The bytes with one text put in the place of another that is as long. */
function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const at = Buffer.from(bytes).indexOf(from)
  if (at < 0 || from.length !== to.length) throw new Error(`'${from}' cannot become '${to}'`)
  const copy = Buffer.from(bytes)
  copy.write(to, at)
  return copy
}

function change(table: string, column: string, from: string, to: string) {
  return (world: World, id: string): void =>
    inFile(world, (db) => {
      const where =
        table === 'payloads'
          ? "kind = 'plan' AND id = (SELECT leaf * 8 FROM approvals WHERE approval_id = ?)"
          : 'leaf = (SELECT leaf FROM approvals WHERE approval_id = ?)'
      const row = db.prepare(`SELECT ${column} AS v FROM ${table} WHERE ${where}`).get(id) as {
        v: Uint8Array
      }
      const { changes } = db
        .prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`)
        .run(replaced(row.v, from, to), id)
      expect(Number(changes)).toBe(1)
    })
}

function update(sql: string) {
  return (world: World, id: string): void =>
    inFile(world, (db) => {
      expect(Number(db.prepare(sql).run(id).changes)).toBe(1)
    })
}

// Plan, commitment, plan hash, record and columns, all of them fitting each other.
function forgeEverything(world: World, id: string): void {
  inFile(world, (db) => {
    const held = db
      .prepare(`SELECT a.leaf, l.bytes AS record, p.salt, p.bytes FROM approvals a
        JOIN leaves l ON l.leaf = a.leaf JOIN payloads p ON p.id = a.leaf * 8
        WHERE a.approval_id = ?`)
      .get(id) as { leaf: number; record: Uint8Array; salt: Uint8Array; bytes: Uint8Array }
    const bytes = replaced(held.bytes, 'risk level is high', 'risk level is nigh')
    const { plan } = JSON.parse(Buffer.from(bytes).toString()) as { plan: JsonObject }
    const old = JSON.parse(Buffer.from(held.bytes).toString()) as { plan: JsonObject }
    const domain = Buffer.from('latchgate/payload/v1\n')
    const commitment = (of: Uint8Array): string =>
      createHash('sha256').update(domain).update(held.salt).update(of).digest('hex')
    const planHash = sha256Hex(canonicalBytes(plan))
    const oldHash = sha256Hex(canonicalBytes(old.plan))
    let record = replaced(held.record, commitment(held.bytes), commitment(bytes))
    record = replaced(record, oldHash, planHash)
    record = replaced(record, 'risk level is high', 'risk level is nigh')
    const hash = createHash('sha256')
      .update(Buffer.from([0]))
      .update(record)
      .digest()
    db.prepare('UPDATE payloads SET bytes = ?, hash = ? WHERE id = ?').run(
      bytes,
      commitment(bytes),
      held.leaf * 8,
    )
    db.prepare('UPDATE leaves SET bytes = ?, hash = ? WHERE leaf = ?').run(record, hash, held.leaf)
    db.prepare('UPDATE approvals SET plan_hash = ? WHERE approval_id = ?').run(planHash, id)
  })
}

function withAction(world: World, changed: (old: object) => object | null): void {
  const { services } = world.gate
  const { actions } = services.actions()
  const next = new Map(actions)
  const registered = actions.get('github_create_issue')
  if (registered === undefined) throw new Error('no such action')
  const other = changed(registered)
  if (other === null) next.delete('github_create_issue')
  else next.set('github_create_issue', other as typeof registered)
  // What a reload of the registry does.
  Object.assign(services, { actions: () => ({ actions: next }) })
}

const since = (what: string): string =>
  `${what} since the call was held: nothing was done, repeat the call`

const TAMPERINGS: readonly (readonly [
  string,
  (world: World, id: string) => void,
  number,
  string,
  string,
])[] = [
  [
    'an argument of the stored plan',
    change('payloads', 'bytes', 'Fins', 'Fans'),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'the URL in the stored plan',
    change('payloads', 'bytes', '/rocket/', '/pocket/'),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'the name of a member of the stored plan',
    change('payloads', 'bytes', '"session_id":"', '"session_ie":"'),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'the salt of the stored plan',
    update(
      'UPDATE payloads SET salt = zeroblob(32) WHERE id = (SELECT leaf * 8 FROM approvals WHERE approval_id = ?)',
    ),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'the stored plan, gone',
    update(
      'DELETE FROM payloads WHERE id = (SELECT leaf * 8 FROM approvals WHERE approval_id = ?)',
    ),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'the record of the hold',
    change('leaves', 'bytes', 'risk level is high', 'risk level is nigh'),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  ['plan and record, fitting each other', forgeEverything, 409, 'plan_hash_mismatch', STORED],
  [
    'the column plan_hash',
    update(
      `UPDATE approvals SET plan_hash = 'f' || substr(plan_hash, 2, 62) || 'zz' WHERE approval_id = ?`,
    ),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'how many approvals it takes',
    update('UPDATE approvals SET required = 0 WHERE approval_id = ?'),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'how long it can be approved',
    update('UPDATE approvals SET expires_at = expires_at + 1 WHERE approval_id = ?'),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'a vote that nobody gave',
    update(
      "INSERT INTO approval_votes SELECT approval_id, 'bob', leaf FROM approvals WHERE approval_id = ?",
    ),
    409,
    'plan_hash_mismatch',
    STORED,
  ],
  [
    'the policy data',
    (world) => world.gate.services.policy.setData(data('test-2')),
    409,
    'policy_changed',
    since('the policy is not the one under which the call was held'),
  ],
  [
    'the manifest of the action',
    (world) => withAction(world, (old) => ({ ...old, actionDigest: `sha256:${'0'.repeat(64)}` })),
    403,
    'action_digest_mismatch',
    since("the manifest of 'github_create_issue' has changed"),
  ],
  [
    'the provider of the action',
    (world) => withAction(world, (old) => ({ ...old, moduleDigest: `sha256:${'0'.repeat(64)}` })),
    403,
    'action_digest_mismatch',
    since("the provider of 'github_create_issue' has changed"),
  ],
  [
    'the action, gone',
    (world) => withAction(world, () => null),
    404,
    'action_not_found',
    "the action 'github_create_issue' is gone since the call was held",
  ],
]

/** Says no in its own words, as a record, to the agent too, and for good. */
async function expectFailed(
  { world, lease }: { readonly world: World; readonly lease: HeldLease },
  id: string,
  refused: RawAnswer,
  expected: readonly [number, string, string],
): Promise<void> {
  const [status, code, message] = expected
  expect([refused.status, refused.json()]).toMatchObject([status, { error: code }])
  expect(world.upstream.requests.filter(({ method }) => method === 'POST')).toEqual([])
  const leaves = approvalLeaves(world.gate.project.ledger, id)
  expect(leaves.map(({ type }) => type)).toEqual(['hold', 'approval'])
  expect(leaves[1]?.body).toMatchObject({
    event_type: 'approval_failed',
    decision: 'failed',
    code,
    operator: 'operator',
    approval_id: id,
  })
  const path = `/v1/approvals/${id}`
  const poll = await asAgent(world, lease, `${path}/poll`)
  expect(poll.json()).toMatchObject({ status: 'failed', approval_id: id })
  const result = await asAgent(world, lease, `${path}/result`)
  expect([result.status, result.json()['error']]).toEqual([status, code])
  const again = await approveCall(world, id)
  expect([again.status, again.json()]).toMatchObject([
    200,
    { decision: 'already_failed', status: 'failed', error_code: code },
  ])
  expect(refused.json()).toMatchObject({ message, trace_id: expect.any(String) })
  expect(world.upstream.requests.filter(({ method }) => method === 'POST')).toEqual([])
}

test.each(TAMPERINGS)(
  'changed between hold and approval: %s',
  async (_what, tamper, ...expected) => {
    const { world, lease } = await begin()
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    tamper(world, id)
    const refused = await approveCall(world, id)
    await expectFailed({ world, lease }, id, refused, expected)
  },
)

test.each(TAMPERINGS)(
  'changed between approval and dispatch, while it waits for its turn: %s',
  async (_what, tamper, ...expected) => {
    const { world, lease } = await begin('[limits]\nmax_in_flight = 1\nqueue_ms = 60000')
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    world.upstream.on('GET', '/wait', async () => {
      await released
      return { body: 'done' }
    })
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const running = executeRaw(world.client, lease, 'http_fetch', {
      url: 'https://api.github.com/wait',
    })
    await until(() => world.upstream.requestsStarted === 1)
    const approving = approveCall(world, id)
    await until(() => world.gate.services.slots.queued === 1)
    tamper(world, id)
    release()
    expect((await running).status).toBe(200)
    await expectFailed({ world, lease }, id, await approving, expected)
  },
)

test('a record of a hold that is no record any more is the failure of the ledger, and nothing is done', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  change('leaves', 'bytes', '{"', '["')(world, id)
  const refused = await approveCall(world, id)
  expect([refused.status, refused.json()]).toEqual([
    503,
    {
      error: 'store_unavailable',
      message: 'The ledger is unavailable; nothing was dispatched.',
      trace_id: expect.any(String),
    },
  ])
  expect(world.upstream.requestsStarted).toBe(0)
  expect(findingsOf(world)).not.toEqual([])
})

test('an operator is not shown a plan that is not the recorded one', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  change('payloads', 'bytes', 'Fins', 'Fans')(world, id)
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  expect([detail.status, detail.json()]).toEqual([
    409,
    { error: 'plan_hash_mismatch', message: STORED, trace_id: expect.any(String) },
  ])
})

test.each([
  ['another description', manifest('Makes a better note.'), 403, 'action_digest_mismatch'],
  [
    'another version',
    manifest('Makes a note.').replace('1.0.0', '1.0.1'),
    403,
    'action_digest_mismatch',
  ],
  [
    'another action',
    manifest('Makes a note.').replace(ACTION, 'note_other'),
    404,
    'action_not_found',
  ],
])(
  'a gate that is started with %s does not do what was approved for the one before',
  async (_what, text, status, code) => {
    const { world, lease } = await begin()
    const { id } = await holdCall(world, lease, ACTION, {})
    const { project } = world.gate
    await world.gate.close()
    writeFileSync(join(project.root, 'manifests', 'note.yaml'), text, { mode: 0o600 })
    const again = await startTestGate(project)
    const client = new RawClient({ socket: project.socket })
    const admin = new RawClient({ socket: project.adminSocket })
    const next: World = { ...world, gate: again, client, admin }
    try {
      const refused = await approveCall(next, id)
      expect([refused.status, refused.json()['error']]).toEqual([status, code])
      const poll = await asAgent(next, lease, `/v1/approvals/${id}/poll`)
      expect(poll.json()).toMatchObject({ status: 'failed' })
      expect(world.upstream.requestsStarted).toBe(0)
      expect(recordsOf(project.ledger, id)).toEqual(['hold pending_approval', 'approval failed'])
      expect(findingsOf(next)).toEqual([])
    } finally {
      await client.close()
      await admin.close()
      await again.close()
    }
  },
)

/** Does something when the intent of a call is durable and nothing has been sent. */
function afterIntent(world: World, then: () => Promise<void> | void): void {
  const { ledger } = world.gate.services
  const intend = ledger.intend.bind(ledger)
  Object.assign(ledger, {
    intend: async (entry: Parameters<typeof intend>[0]) => {
      const intended = await intend(entry)
      await then()
      return intended
    },
  })
}

test.each([
  [
    'the policy changes',
    'plan_mismatch',
    'the policy changed before anything was sent',
    async (world: World) => world.gate.services.policy.setData(data('test-2')),
  ],
  [
    'everything is revoked',
    'revoked',
    'the lease was revoked before anything was sent',
    async (world: World) => {
      expect((await asOperator(world, 'POST', '/v1/admin/revoke-all')).status).toBe(200)
    },
  ],
])(
  'when %s after the commit of the intent, nothing is sent, and the receipt says so',
  async (_what, errorType, message, then) => {
    const { world } = await begin()
    const lease = await takeLease(world.client, { budgets: { max_calls: 3 } })
    const { id, answer } = await holdCall(world, lease, 'github_create_issue', issue())
    afterIntent(world, () => then(world))
    const refused = await approveCall(world, id)
    const { receipt_id: receiptId } = refused.json()
    expect([refused.status, refused.json()]).toMatchObject([
      502,
      {
        error: 'action_execution_failed',
        error_type: errorType,
        message,
        outcome: 'not_sent',
        trace_id: answer.json()['trace_id'],
        receipt_id: expect.any(String),
      },
    ])
    expect(world.upstream.requestsStarted).toBe(0)
    const leaves = approvalLeaves(world.gate.project.ledger, id)
    expect(leaves.map(({ type }) => type)).toEqual([
      'hold',
      'approval',
      'intent',
      'receipt',
      'decision',
    ])
    expect(leaves[3]?.body).toMatchObject({ receipt_id: receiptId, outcome: 'not_sent' })
    expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(3)
    const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
    expect(detail.json()).toMatchObject({
      status: 'failed',
      error_code: errorType,
      receipt_id: receiptId,
    })
    const again = await approveCall(world, id)
    expect(again.json()).toMatchObject({ decision: 'already_failed', receipt_id: receiptId })
    expect(world.upstream.requestsStarted).toBe(0)
    expect(findingsOf(world)).toEqual([])
  },
)
