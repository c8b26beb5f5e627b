import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { documentedJson, shapeOf } from './documentation.js'
import { OperatorDesk } from './operator-desk.js'

let desk: OperatorDesk

beforeAll(async () => {
  desk = await OperatorDesk.open()
})

afterAll(async () => {
  await desk.close()
})

beforeEach(() => {
  desk.gate.seen.length = 0
  desk.gate.prepared.length = 0
})

function willRevoke(kind: string, value: string | null): void {
  desk.gate.prepared.push({
    status: 200,
    json: {
      revoked: { kind, value },
      previous_epoch: 3,
      current_epoch: 4,
      approvals_revoked: 2,
    },
  })
}

test.each([
  [['--lease', 'jti-1'], { lease_jti: 'jti-1' }, 'lease'],
  [['--session', 's-1', '-r', 'odd'], { session_id: 's-1', reason: 'odd' }, 'session'],
  [['--principal', 'uid:1001'], { principal: 'uid:1001' }, 'principal'],
  [['--all', '-y', '--reason', 'x'], { all: true, reason: 'x' }, 'all'],
])('revoke %j sends exactly that', async (args, body, kind) => {
  willRevoke(kind, kind === 'all' ? null : 'value')
  const { code, document } = await desk.machine.json(['revoke', ...args])
  expect(code).toBe(0)
  expect(shapeOf({ ...document, revoked: { kind, value: 'v' } })).toEqual(
    shapeOf(documentedJson('revoke')),
  )
  expect(desk.gate.bodies('POST', '/v1/admin/revoke')).toEqual([body])
})

test('revoke says what it did not do, and what does it', async () => {
  willRevoke('principal', 'uid:1001\u202e')
  const { code, stdout } = await desk.machine.run(['revoke', '--principal', 'uid:1001'])
  expect(code).toBe(0)
  expect(stdout).toContain('✓  revoked principal uid:1001\\u202e\n')
  expect(stdout).toMatch(/\n {2}held calls +2 ended with it\n/)
  expect(stdout).toContain('It does not end rights: who may have a lease gets a new one.')
  expect(stdout).toContain('latchgate policy revoke ')
  expect(stdout).toContain('latchgate drain\n')
})

test.each([[[]], [['--lease', 'a', '--all', '-y']], [['--session', 'a', '--principal', 'b']]])(
  'revoke %j is wrong usage',
  async (args) => {
    const { code, document } = await desk.machine.json(['revoke', ...args])
    expect([code, document['error']]).toEqual([
      2,
      'say what to revoke with one of --lease, --session, --principal, --all',
    ])
    expect(desk.gate.seen).toEqual([])
  },
)

test('--all needs the word yes, from a person or from -y', async () => {
  for (const more of [[], ['--json']]) {
    const { code, stdout, stderr } = await desk.machine.run(['revoke', '--all', ...more])
    expect([code, (stdout + stderr).includes('nothing was revoked')]).toEqual([1, true])
  }
  for (const [answer, count] of [
    ['y', 0],
    ['yes', 1],
  ] as const) {
    const terminal = desk.terminal(['revoke', '--all'], { size: { columns: 100, rows: 30 } })
    await terminal.shows('Revoke every lease of every agent?')
    willRevoke('all', null)
    terminal.type(`${answer}\r`)
    expect(await terminal.ended).toEqual({ code: 0, signal: null })
    expect(terminal.screen.text).toContain(
      count === 0 ? 'cancelled: nothing was revoked' : 'revoked every lease',
    )
    expect(desk.gate.bodies('POST', '/v1/admin/revoke')).toHaveLength(count)
  }
})

test('drain begins it, and --undo takes it back', async () => {
  const answer = { draining: true, already_draining: false, in_flight_executions: 2 }
  desk.gate.prepared.push({ status: 200, json: answer })
  const begun = await desk.machine.json(['drain'])
  expect([begun.code, begun.document]).toEqual([0, { ok: true, ...answer }])
  expect(shapeOf(begun.document)).toEqual(shapeOf(documentedJson('drain')))
  desk.gate.prepared.push({ status: 200, json: { ...answer, already_draining: true } })
  const again = await desk.machine.run(['drain'])
  expect(again.stdout).toContain('✓  the gate was draining already\n')
  const undone = { draining: false, already_draining: true, in_flight_executions: 0 }
  desk.gate.prepared.push({ status: 200, json: undone })
  const { stdout } = await desk.machine.run(['drain', '--undo'])
  expect(stdout).toBe('✓  the gate takes calls again\n')
  expect(desk.gate.seen.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['POST', '/v1/admin/drain', null],
    ['POST', '/v1/admin/drain', null],
    ['DELETE', '/v1/admin/drain', null],
  ])
})
