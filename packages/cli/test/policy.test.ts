import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { openDatabase } from '@latchgate/gate'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../src/main.js'
import { Machine } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'

const EVERYBODY = { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] }
const DATA = {
  _comment: 'kept',
  policy_version: 'team-1',
  acl: {
    '*': EVERYBODY,
    alice: { allowed_actions: ['http_post'], allowed_sinks: ['http_write'] },
  },
}

let machine: Machine

beforeAll(async () => {
  machine = new Machine()
  await machine.up()
})

afterAll(async () => {
  await machine.remove()
})

type Document = Record<string, unknown>

const file = (): string => machine.file('policies', 'data.json')
const onDisk = (): Document => JSON.parse(readFileSync(file(), 'utf8')) as Document
// In this process: what is tested is the command, not the start of a process.
const policy = async (
  ...args: readonly string[]
): Promise<{ code: number; document: Document }> => {
  let stdout = ''
  const code = await main(
    ['policy', ...args, '--json'],
    {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: () => undefined },
      env: { HOME: machine.temp.path, XDG_RUNTIME_DIR: machine.runtime },
    },
    machine.project,
  )
  return { code, document: JSON.parse(stdout) as Document }
}
const done = async (...args: readonly string[]): Promise<Document> => {
  const { code, document } = await policy(...args)
  expect([code, document]).toEqual([0, expect.objectContaining({ ok: true })])
  return document
}
const written = (data: unknown): void =>
  writeFileSync(file(), JSON.stringify(data), { mode: 0o600 })

function recorded(): readonly string[] {
  const db = openDatabase(machine.file('data', 'audit.db'), { readOnly: true })
  try {
    const rows = db
      .prepare("SELECT bytes FROM leaves WHERE type = 'policy' ORDER BY leaf")
      .all() as {
      bytes: Uint8Array
    }[]
    return rows.map(({ bytes }) =>
      String(/"event_type":"([a-z_]+)"/.exec(Buffer.from(bytes).toString('utf8'))?.[1]),
    )
  } finally {
    db.close()
  }
}

describe.each([
  ['a running gate', true],
  ['the file of a stopped gate', false],
])('%s', (_name, live) => {
  beforeAll(async () => {
    if (!live) await machine.run(['down'])
  })

  beforeEach(async () => {
    written(DATA)
    if (live) await done('reload')
  })

  test('show and list tell what is in force, in the documented shape', async () => {
    const shown = await done('show')
    const { _comment: _, ...data } = DATA
    expect(shown).toEqual({
      ok: true,
      ...data,
      allowlist: {},
      require_approval: {},
      quotas: {},
      quorum: {},
    })
    expect(Object.keys(shown)).toEqual(Object.keys(documentedJson('policy show')))
    expect(await done('show', 'alice')).toEqual({
      ok: true,
      principal: 'alice',
      acl: DATA.acl.alice,
    })
    const listed = await done('list')
    expect(listed).toEqual({
      ok: true,
      principals: [
        { principal: '*', actions: 1 },
        { principal: 'alice', actions: 1 },
      ],
    })
    const { principals: one } = documentedJson('policy list')
    expect(shapeOf((listed['principals'] as unknown[]).slice(0, 1))).toEqual(shapeOf(one))
  })

  test('grant and revoke, with commas and repeated, in the documented shape', async () => {
    const granted = await done('grant', 'billing-agent', 'http_post')
    expect(granted).toEqual({
      ok: true,
      principal: 'billing-agent',
      granted: ['http_post'],
      total_actions: 1,
      allowed_sinks: ['http_write'],
      no_longer_allowed: ['http_fetch'],
      recorded: live,
    })
    expect(shapeOf(granted)).toEqual(shapeOf(documentedJson('policy grant')))
    expect(await done('grant', 'alice', 'http_fetch, github_read', 'http_put')).toMatchObject({
      granted: ['http_fetch', 'github_read', 'http_put'],
      total_actions: 4,
    })
    expect(await done('revoke', 'alice', 'http_put,http_fetch', 'github_read')).toEqual({
      ok: true,
      principal: 'alice',
      revoked: ['http_put', 'http_fetch', 'github_read'],
      allowed_sinks: ['http_write'],
      principal_removed: false,
      remaining: 1,
      recorded: live,
    })
    expect(onDisk()).toEqual({
      ...DATA,
      policy_version: 'team-4',
      acl: {
        ...DATA.acl,
        'billing-agent': { allowed_actions: ['http_post'], allowed_sinks: ['http_write'] },
      },
    })
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    if (live)
      expect(recorded().slice(-3)).toEqual(['policy_grant', 'policy_grant', 'policy_revoke'])
  })

  test('a revoke warns of what is left by the wildcard, and removes an entry only when told', async () => {
    const heir = { ...DATA.acl.alice, inherits_wildcard: true }
    written({ ...DATA, acl: { ...DATA.acl, heir } })
    if (live) await done('reload')
    const kept = await done('revoke', 'heir', 'http_fetch')
    expect(kept).toMatchObject({ still_allowed: ['http_fetch'], remaining: 1 })
    expect(shapeOf(kept)).toEqual(shapeOf(documentedJson('policy revoke')))
    const { code, stderr } = await machine.run(['policy', 'revoke', 'heir', 'http_fetch'])
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining("⚠  still allowed, by the rights of '*': http_fetch\n"),
    ])
    expect(await done('revoke', 'heir', '--remove-principal')).toMatchObject({
      principal_removed: true,
    })
    expect(await policy('revoke', 'alice', '--remove-principal')).toEqual({
      code: 1,
      document: {
        ok: false,
        error:
          "without an entry 'alice' would have what '*' gives everybody (http_fetch, http_read): " +
          'leave the entry, which may be empty, or revoke those from `*` first',
        code: 'policy_refused',
        refusal: 'invalid_input',
        status: 400,
      },
    })
  })

  test('rules, bypasses and quotas, in the documented shapes', async () => {
    const rule = await done('require-approval', 'http_post', '--approvals', '2')
    expect(rule).toEqual({
      ok: true,
      action_id: 'http_post',
      principal: '*',
      required: true,
      approvals: 2,
      recorded: live,
    })
    expect(shapeOf(rule)).toEqual(shapeOf(documentedJson('policy require-approval')))
    const bypass = await done('allowlist', 'http_delete', 'alice')
    expect(shapeOf(bypass)).toEqual(shapeOf(documentedJson('policy allowlist')))
    const quota = await done('quota', 'alice', '--calls', '100', '--window', '1h')
    expect(quota).toEqual({
      ok: true,
      principal: 'alice',
      quotas: [{ calls: 100, window_seconds: 3600 }],
      recorded: live,
    })
    expect(shapeOf(quota)).toEqual(shapeOf(documentedJson('policy quota')))
    await done('quota', 'alice', '--cost-cents', '50', '--window', '1d')
    await done('quota', 'alice', '--calls', '7', '--cost-cents', '1', '--window', '60m')
    expect(onDisk()['latchgate']).toEqual({
      quorum: { http_post: { '*': 2 } },
      require_approval: { http_post: { '*': true } },
      allowlist: { http_delete: { alice: true } },
      quotas: {
        alice: [
          { cost_usd_cents: 50, window_seconds: 86_400 },
          { calls: 7, cost_usd_cents: 1, window_seconds: 3600 },
        ],
      },
    })
    expect(await done('require-approval', 'http_post', '--remove')).toEqual({
      ok: true,
      action_id: 'http_post',
      principal: '*',
      required: false,
      recorded: live,
    })
    expect(await done('allowlist', 'http_delete', 'alice', '--remove')).toMatchObject({
      bypass: false,
    })
    await done('quota', 'alice', '--clear', '--window', '1d')
    expect(await done('quota', 'alice', '--clear')).toMatchObject({ quotas: [] })
    expect(onDisk()['latchgate']).toEqual({
      quorum: {},
      require_approval: {},
      allowlist: {},
      quotas: {},
    })
    const nothing = await policy('require-approval', 'http_post', '--remove')
    expect([nothing.code, nothing.document]).toEqual([
      1,
      expect.objectContaining({ code: 'policy_refused', refusal: 'not_found', status: 404 }),
    ])
  })

  test('a misspelt name is answered with the one that was meant, and changes nothing', async () => {
    const before = readFileSync(file(), 'utf8')
    expect(await policy('grant', 'alice', 'http_fecth')).toEqual({
      code: 1,
      document: {
        ok: false,
        error: "there is no action 'http_fecth' (did you mean 'http_fetch'?)",
        code: 'policy_refused',
        hint: 'list them with: latchgate actions',
        refusal: 'unknown_action',
        status: 400,
      },
    })
    for (const args of [
      ['show', 'alcie'],
      ['revoke', 'alcie', 'http_post'],
    ]) {
      expect(await policy(...args)).toEqual({
        code: 1,
        document: {
          ok: false,
          error: "there is no entry of 'alcie' (did you mean 'alice'?)",
          code: 'not_found',
          hint: "without an entry a principal has the rights of '*'; list the entries with: latchgate policy list",
        },
      })
    }
    expect((await policy('grant', '*', 'http_delete')).document).toMatchObject({
      code: 'policy_refused',
      error: expect.stringContaining('gives everybody actions of high risk (http_delete)'),
    })
    expect(readFileSync(file(), 'utf8')).toBe(before)
  })

  test('a file with a mistake is named with its key and what to do', async () => {
    written({ ...DATA, acl: { ...DATA.acl, alice: { allowed_actions: [] } } })
    const { code, document } = await policy('grant', 'alice', 'http_fetch')
    expect([code, document['code'], document['error']]).toEqual([
      1,
      'policy_refused',
      expect.stringContaining('`acl.alice.allowed_sinks` is missing: list the names one by one'),
    ])
    if (!live) return
    expect((await policy('reload')).document).toMatchObject({
      code: 'policy_refused',
      refusal: 'reload_failed',
      error: expect.stringMatching(
        /^The reload failed; nothing has changed\. policies\/data\.json: policy data: `acl\.alice/,
      ),
    })
  })

  test('people are told what happened, and where it was written', async () => {
    const { code, stdout, stderr } = await machine.run(['policy', 'grant', 'alcie', 'http_post'])
    expect([code, stdout]).toEqual([
      0,
      "✓  'alcie' may call http_post\n  actions         1\n  effects         http_write\n",
    ])
    expect(stderr).toContain("⚠  'alcie' had no entry before (did you mean 'alice'?)\n")
    expect(stderr).toContain("⚠  its own entry shadows '*': no longer allowed are http_fetch\n")
    expect(stderr.includes('not recorded in the ledger until the gate starts')).toBe(!live)
    const shown = await machine.run(['policy', 'show'])
    expect(shown.stdout).toContain(
      `  version         team-2 (${live ? 'in force' : 'in the file: no gate is running'})\n`,
    )
  })

  test('a reload is documented as it is, and needs a gate', async () => {
    const { code, document } = await policy('reload')
    if (live) expect(shapeOf(document)).toEqual(shapeOf(documentedJson('policy reload')))
    else expect([code, document['code']]).toEqual([1, 'gate_not_running'])
  })

  test('a reload without policy data says that every call is denied now, and what brings it back', async () => {
    if (!live) return
    rmSync(file())
    const { code, stdout, stderr } = await machine.run(['policy', 'reload'])
    expect([code, stdout.includes('version')]).toEqual([0, false])
    expect(stderr).toBe(
      `⚠  there is no ${file()}: every call is denied\n` +
        '   write policies/data.json anew from a preset: latchgate init --force, then latchgate policy reload\n',
    )
    expect((await policy('show')).document).toMatchObject({
      error: 'no policy data is in force: every call is denied',
      hint: 'write policies/data.json anew from a preset: latchgate init --force, then latchgate policy reload',
    })
  })
})

test.each([
  [['revoke', 'alice'], 'name the actions to revoke, or pass --remove-principal'],
  [['quota', 'alice'], 'give --calls, --cost-cents or both with --window, or --clear'],
  [
    ['quota', 'alice', '--calls', '1', '--clear'],
    'give --calls, --cost-cents or both with --window, or --clear',
  ],
  [['quota', 'alice', '--calls', '1'], '--window is missing, e.g. --window 1h'],
  [
    ['quota', 'alice', '--calls', '1', '--window', '1w'],
    "--window must be a number and s, m, h or d, e.g. 1h, is '1w'",
  ],
  [
    ['quota', 'alice', '--calls', 'ten', '--window', '1h'],
    "--calls must be a whole number, is 'ten'",
  ],
  [
    ['require-approval', 'http_post', '--approvals', '2', '--remove'],
    '--remove takes the number of approvals back too: leave --approvals out',
  ],
])('policy %j is wrong usage, and says what is missing', async (args, error) => {
  expect(await policy(...args)).toEqual({ code: 2, document: { ok: false, error, code: 'usage' } })
})

test('what was edited while no gate ran is recorded when it starts', async () => {
  written(DATA)
  await done('grant', 'alice', 'http_fetch')
  await machine.up()
  expect(recorded().at(-1)).toBe('policy_loaded')
  expect(await done('show', 'alice')).toMatchObject({
    acl: { allowed_actions: ['http_fetch', 'http_post'] },
  })
})

test('edits of a stopped gate’s file at once are all in it, or refused', async () => {
  await machine.run(['down'])
  written(DATA)
  const results = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) =>
      machine.json(['policy', 'grant', `agent-${name}`, 'http_fetch']),
    ),
  )
  const { acl } = onDisk() as { acl: object }
  for (const [at, { code, document }] of results.entries()) {
    const name = `agent-${'abcd'[at]}`
    expect([name, code === 0]).toEqual([name, Object.hasOwn(acl, name)])
    if (code !== 0) expect(document).toMatchObject({ code: 'policy_refused', refusal: 'conflict' })
  }
  expect(results.some(({ code }) => code === 0)).toBe(true)
})
