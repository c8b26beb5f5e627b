import type { PseudoTerminal } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { refusal } from './approvals-double.js'
import { OperatorDesk } from './operator-desk.js'

const RIGHT_TO_LEFT = '\u202e'

let desk: OperatorDesk

beforeEach(async () => {
  desk = await OperatorDesk.open()
})

afterEach(async () => {
  await desk.close()
})

async function watch(
  options: Parameters<OperatorDesk['terminal']>[1] = {},
  ...args: readonly string[]
): Promise<PseudoTerminal> {
  const terminal = desk.terminal(['approvals', 'watch', ...args], options)
  await terminal.shows('q quit')
  return terminal
}

function decisions(id: string, verb: 'approve' | 'deny') {
  return desk.gate.bodies('POST', `/v1/approvals/${id}/${verb}`)
}

/** The terminal as the shell had it: its screen, modes, wrapping, a cursor, no marks around pastes. */
function isGivenBack({ isRaw, screen }: PseudoTerminal): boolean {
  const { isOther, isWrapping, isCursorShown, isPasteMarked } = screen
  return !isRaw && !isOther && isWrapping && isCursorShown && !isPasteMarked
}

test('a held call appears by itself, is read, approved with two keys, and its result told', async () => {
  const terminal = await watch()
  await terminal.shows('No call is held.')
  const held = desk.hold()
  await terminal.shows(`Approval ${held.approval_id}`)
  expect(terminal.screen.lines).toHaveLength(24)
  expect(terminal.screen.lines[0]).toBe('LatchGate approvals  1 pending')
  expect(terminal.screen.text).toContain('  request      POST https://new.example.com/v1/things')
  terminal.type('a')
  await terminal.shows('APPROVE http_post of agent-test?')
  expect(decisions(held.approval_id, 'approve')).toEqual([])
  terminal.type('y')
  await terminal.shows('approved, and http_post executed; receipt receipt-1')
  await terminal.shows('▸ ended')
  expect(decisions(held.approval_id, 'approve')).toHaveLength(1)
  expect([terminal.isRaw, isGivenBack(terminal)]).toEqual([true, false])
  terminal.type('q')
  expect(await terminal.ended).toEqual({ code: 0, signal: null })
  expect(isGivenBack(terminal)).toBe(true)
})

test('a call is denied with a typed reason', async () => {
  const held = desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  terminal.type('d')
  await terminal.shows('DENY http_post of agent-test.')
  terminal.type('not todayy\u007f')
  await terminal.shows('> not today_')
  terminal.type('\r')
  await terminal.shows('denied http_post')
  expect(decisions(held.approval_id, 'deny')[0]).toMatchObject({ reason: 'not today' })
})

test('a lone Escape takes a question back', async () => {
  desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  terminal.type('d')
  await terminal.shows('DENY ')
  terminal.type('\u001b')
  await terminal.shows('not denied')
  expect(terminal.screen.text).not.toContain('DENY ')
})

test('hostile text moves nothing: every row stays where it is, and no control of theirs is sent', async () => {
  const evil = `\u001b[2J\u001b[1;1H\u001b]0;x\u0007${RIGHT_TO_LEFT}\r\n\u009b31m日本語`
  const held = desk.hold({
    action: `a${evil}`,
    principal: `p${evil}`,
    arguments: { [`k${evil}`]: evil.repeat(5) },
    body: evil.repeat(3),
    more: { target: `POST ${evil}`, reasons: [{ code: 'risk', detail: evil }], hidden: [evil] },
  })
  const terminal = await watch({ size: { columns: 80, rows: 24 } })
  await terminal.shows(`Approval ${held.approval_id}`)
  for (const key of [' ', '\u001b[6~', '\u001b[6~', 'd', 'x', '\u001b']) {
    terminal.type(key)
    await new Promise((resolve) => setTimeout(resolve, 120))
    expect(terminal.screen.lines[0]).toBe('LatchGate approvals  1 pending')
    expect(terminal.screen.lines.at(-1)).toContain('q quit')
  }
  expect(terminal.screen.unknown).toEqual([])
  expect(terminal.screen.bells).toBe(0)
  expect(terminal.raw).not.toContain(RIGHT_TO_LEFT)
  expect(terminal.raw).not.toContain('\u009b')
  expect(terminal.raw.split('\u001b[2J')).toHaveLength(2)
})

test('a gate that goes away is said, and found again', async () => {
  const held = desk.hold()
  const terminal = await watch()
  await terminal.shows(`Approval ${held.approval_id}`)
  await desk.gate.stop()
  await terminal.shows('NO ANSWER FROM THE GATE')
  terminal.type('a')
  await terminal.shows('the gate does not answer: wait')
  await desk.gate.start()
  await terminal.until(({ screen }) => screen.lines[0] === 'LatchGate approvals  1 pending')
  desk.gate.failing = refusal(503, 'approval_store_unavailable')
  await terminal.shows('approval_store_unavailable')
  desk.gate.failing = null
  await terminal.until(({ screen }) => screen.lines[0] === 'LatchGate approvals  1 pending')
  expect(decisions(held.approval_id, 'approve')).toEqual([])
})

test('a refusal of the gate is told, and the call can be decided again', async () => {
  const held = desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  desk.gate.prepared.push(refusal(403, 'approver_not_eligible'))
  terminal.type('a')
  await terminal.shows('APPROVE ')
  terminal.type('y')
  await terminal.shows('the gate answered 403: approver_not_eligible')
  terminal.type('a')
  await terminal.shows('APPROVE ')
  terminal.type('y')
  await terminal.shows('executed')
  expect(decisions(held.approval_id, 'approve')).toHaveLength(2)
})

test('another size is drawn anew, down to one in which nothing is decided', async () => {
  const held = desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  terminal.resize({ columns: 120, rows: 40 })
  await terminal.until(({ screen }) => screen.lines[39]?.includes('q quit') === true)
  terminal.resize({ columns: 30, rows: 8 })
  await terminal.shows('terminal too small')
  terminal.type('a')
  terminal.type('y')
  terminal.resize({ columns: 80, rows: 24 })
  await terminal.until(({ screen }) => screen.lines[23]?.includes('q quit') === true)
  expect(decisions(held.approval_id, 'approve')).toEqual([])
})

test('the bell rings for a new call, with --bell alone', async () => {
  const silent = await watch()
  const loud = await watch({}, '--bell')
  await loud.shows('No call is held.')
  await silent.shows('No call is held.')
  desk.hold()
  await loud.shows('1 pending')
  await silent.shows('1 pending')
  await loud.until(({ screen }) => screen.bells === 1)
  expect(silent.screen.bells).toBe(0)
})

test('NO_COLOR leaves out colours, and still shows which call is chosen', async () => {
  desk.hold()
  const terminal = await watch({ env: { NO_COLOR: '1' } })
  await terminal.shows('Approval ')
  expect(terminal.raw).not.toMatch(/\[(?:\d+;)?3\dm/)
  expect(terminal.raw).toContain('\u001b[7m▸ ')
})

test.each([
  ['q', (terminal: PseudoTerminal) => terminal.type('q'), { code: 0, signal: null }],
  ['Ctrl-C', (terminal: PseudoTerminal) => terminal.type('\u0003'), { code: 0, signal: null }],
  ['SIGTERM', (terminal: PseudoTerminal) => terminal.kill('SIGTERM'), { code: 143, signal: null }],
  ['SIGINT', (terminal: PseudoTerminal) => terminal.kill('SIGINT'), { code: 130, signal: null }],
  [
    'SIGHUP',
    (terminal: PseudoTerminal) => terminal.kill('SIGHUP'),
    { code: null, signal: 'SIGHUP' },
  ],
] as const)('after %s the terminal is as it was', async (_name, end, expected) => {
  desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  end(terminal)
  expect(await terminal.ended).toEqual(expected)
  expect(isGivenBack(terminal)).toBe(true)
})

test('a defect gives the terminal back, and says where it was', async () => {
  desk.gate.failing = { status: 200, json: { approvals: 'none' } }
  const terminal = desk.terminal(['approvals', 'watch'], { size: { columns: 120, rows: 30 } })
  expect(await terminal.ended).toEqual({ code: 1, signal: null })
  expect(isGivenBack(terminal)).toBe(true)
  expect(terminal.screen.text).toContain('a defect in latchgate, please report it: TypeError')
})

test('a terminal that is gone ends it', async () => {
  desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  terminal.close()
  expect(await terminal.ended).toEqual({ code: null, signal: 'SIGHUP' })
})

test('stopped and continued, it draws everything again', async () => {
  desk.hold()
  const terminal = await watch()
  await terminal.shows('Approval ')
  terminal.kill('SIGSTOP')
  terminal.screen.write('\u001b[2Jthe shell was here')
  terminal.kill('SIGCONT')
  await terminal.until(({ screen }) => !screen.text.includes('shell'))
  await terminal.shows('Approval ')
  expect([terminal.isRaw, terminal.screen.isOther]).toEqual([true, true])
})
