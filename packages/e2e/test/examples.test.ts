import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { tempDir } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import { type ExampleWorld, ROOT, startExampleWorld } from '../src/harness/example-world.js'
import { readGuide, withoutIds } from '../src/harness/guide.js'

/** A Node that runs TypeScript runs the source, as the page of the examples says. */
const { typescript } = process.features as { readonly typescript?: unknown }
const LOOP = typescript
  ? `${ROOT}examples/agent-loop/agent-loop.ts`
  : `${ROOT}examples/dist/agent-loop/agent-loop.js`
const MACHINE = `${ROOT}examples/dist/approval-machine/approval-machine.js`
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

const worlds: ExampleWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function world(now?: () => number): Promise<ExampleWorld> {
  const tables = '[approvals]\nttl_seconds = 10'
  const made = await (now === undefined
    ? startExampleWorld({ principal: 'you' })
    : startExampleWorld({ principal: 'you', tables }, { now }))
  worlds.push(made)
  made.upstream.on('GET', '/zen', () => ({ body: 'Keep it logically awesome.' }))
  made.upstream.on('GET', '/', () => ({ body: '<h1>Example Domain</h1>' }))
  made.upstream.on('POST', '/post', () => ({ body: { json: {} } }))
  return made
}

/** What the upstream received: method, host and path of each request. */
function received({ upstream }: ExampleWorld): readonly string[] {
  return upstream.requests.map(
    ({ method, tlsServername, url }) => `${method} ${tlsServername}${url}`,
  )
}

test('the loop is told of a denial, waits for the operator, and has the result of the held call', async () => {
  const at = await world()
  const agent = at.run([LOOP])
  const [, id = ''] = await agent.said(new RegExp(`latchgate approvals approve (${UUID})\n`))
  expect(received(at)).toEqual(['GET api.github.com/zen'])
  await at.operate('approvals', 'approve', id, '-y')
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  const { blocks } = readGuide('examples/agent-loop/README.md')
  expect(withoutIds(out)).toBe(withoutIds(blocks('text').join('')))
  expect(received(at)).toEqual(['GET api.github.com/zen', 'GET example.com/'])
})

test('the loop goes on after an operator has said no, and nothing is sent', async () => {
  const at = await world()
  const agent = at.run([LOOP])
  const [, id = ''] = await agent.said(new RegExp(`latchgate approvals approve (${UUID})\n`))
  await at.operate('approvals', 'deny', id, '--reason', 'not on a Friday')
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/result {2}refused: .*not on a Friday.*\nmodel {3}I made 3 calls; 2 had no/)
  expect(received(at)).toEqual(['GET api.github.com/zen'])
})

test('without a gate the loop ends with what to do', async () => {
  const at = await world()
  await at.gate.close()
  const { code, out, err } = await at.run([LOOP]).done
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain('latchgate up')
})

test('the state machine survives its death while it waits, and has the result of its one call', async () => {
  const at = await world()
  const { block, blocks } = readGuide('examples/approval-machine/README.md')
  const [hold = '', start] = block('sh', 'require-approval').split('\n')
  expect(start).toBe('node $examples/dist/approval-machine/approval-machine.js')
  await at.operate(...hold.split(' ').slice(1))
  const first = at.run([MACHINE])
  const [, id = ''] = await first.said(
    new RegExp(`waiting {3}latchgate approvals approve (${UUID})\n`),
  )
  first.child.kill('SIGKILL')
  const killed = await first.done
  expect([killed.code, killed.err]).toEqual([null, ''])
  const file = at.home.file('approval-machine.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const saved = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  expect(saved).toEqual({
    at: 'waiting',
    note: { id: expect.stringMatching(UUID), text: 'Release 1.4 is out.' },
    approvalId: id,
  })
  await at.operate('approvals', 'approve', id, '-y')
  const { code, out, err } = await at.run([MACHINE]).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain(`waiting   latchgate approvals approve ${id}\n`)
  const [, ...shown] = blocks('text')
  expect(withoutIds(killed.out + out)).toBe(withoutIds(shown.join('')))
  expect(received(at)).toEqual(['POST httpbin.org/post'])
  expect(JSON.parse(String(at.upstream.requests[0]?.body))).toEqual(saved['note'])
  // The end is the end: nothing is sent again.
  expect((await at.run([MACHINE]).done).out).toMatch(/^done {6}verified, receipt [0-9a-f-]+\n$/)
  expect(received(at)).toHaveLength(1)
})

test('a state machine that died before it knew of the approval is given the same one', async () => {
  const at = await world()
  await at.operate('policy', 'require-approval', 'http_post')
  const waiting = new RegExp(`waiting {3}latchgate approvals approve (${UUID})\n`)
  const first = at.run([MACHINE, 'a.json'])
  const [, id = ''] = await first.said(waiting)
  first.child.kill('SIGKILL')
  await first.done
  const file = at.home.file('a.json')
  const { note } = JSON.parse(readFileSync(file, 'utf8')) as { note: unknown }
  writeFileSync(file, JSON.stringify({ at: 'drafting', note }))
  const second = at.run([MACHINE, 'a.json'])
  const [, again = ''] = await second.said(waiting)
  expect(again).toBe(id)
  await at.operate('approvals', 'deny', id, '--reason', 'typo')
  expect((await second.done).out).toMatch(/denied {4}typo\n$/)
  expect(received(at)).toEqual([])
})

test('the page of the examples starts a gate that they find', async () => {
  const home = tempDir()
  const { block } = readGuide('examples/README.md')
  const [build, ...lines] = block('sh', 'latchgate up').split('\n')
  expect(build).toBe('npm run build')
  const script = `shopt -s expand_aliases\ncd '${ROOT}'\n${lines.join('\n')}
trap 'latchgate down' EXIT
test -f $examples/dist/agent-loop/agent-loop.js
latchgate status`
  const env = { PATH: String(process.env['PATH']), HOME: home.path, XDG_RUNTIME_DIR: home.path }
  try {
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], { env })
    expect(stdout).toContain('LatchGate is ready')
    expect(stdout).toMatch(/gate +✓ running/)
  } finally {
    home.remove()
  }
})

test('an approval that nobody gives in time ends the state machine as expired', async () => {
  let ahead = 0
  const at = await world(() => Date.now() + ahead)
  await at.operate('policy', 'require-approval', 'http_post')
  const agent = at.run([MACHINE])
  await agent.said(/^waiting/m)
  ahead = 10_001
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(
    new RegExp(
      `\nexpired {3}nobody decided on ${UUID}; remove approval-machine.json to begin again\n$`,
    ),
  )
  expect(existsSync(at.home.file('approval-machine.json.new'))).toBe(false)
  expect(received(at)).toEqual([])
})

test('what policy lets through is done without waiting', async () => {
  const at = await world()
  const { code, out, err } = await at.run([MACHINE]).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/^drafting {2}"Release 1.4 is out."\ndone {6}verified, receipt [0-9a-f-]+\n$/)
  expect(received(at)).toEqual(['POST httpbin.org/post'])
})
