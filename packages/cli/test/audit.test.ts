import { readFileSync, writeFileSync } from 'node:fs'
import { createTestCa, startUpstream, type Upstream } from '@latchgate/testkit'
import { LatchGateClient } from 'latchgate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine, type Running } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'

type Event = Readonly<Record<string, unknown>>

let machine: Machine
let upstream: Upstream

beforeAll(async () => {
  machine = new Machine()
  const ca = await createTestCa()
  upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  await machine.up()
  await machine.run(['down'])
  writeFileSync(machine.file('ca.pem'), ca.caPem, { mode: 0o600 })
  const config = readFileSync(machine.file('latchgate.toml'), 'utf8')
  const egress = `egress_insecure = true\n[egress]\nextra_ca_file = "ca.pem"\n[egress.unsafe_resolve]\n"api.github.com:443" = "${upstream.address}"\n`
  writeFileSync(machine.file('latchgate.toml'), `${config}${egress}`)
  await machine.up()
  await call('http_fetch', { url: 'https://api.github.com/zen' })
  await call('http_fetch', { url: 7 })
})

afterAll(async () => {
  await machine.remove()
  await upstream.close()
})

async function call(action: string, params: Record<string, unknown>): Promise<void> {
  const client = new LatchGateClient({ socket: machine.socket, agentId: 'test' })
  try {
    await client.execute(action, params)
  } catch {
    // A denial is what some tests ask for; the events say which it was.
  } finally {
    await client.close()
  }
}

async function events(...args: readonly string[]): Promise<readonly Event[]> {
  const { code, document } = await machine.json(['audit', ...args])
  expect(code, JSON.stringify(document)).toBe(0)
  return document['events'] as Event[]
}

test('the document has the shape that the page shows', async () => {
  const [event] = await events('--decision', 'allow', '--action', 'http_fetch')
  const { allowed_sinks: sinks, ...members } = event as Event
  const [shown] = documentedJson('audit')['events'] as Event[]
  const { allowed_sinks: shownSinks, ...shownMembers } = shown as Event
  expect(shapeOf(members)).toEqual(shapeOf(shownMembers))
  expect([Array.isArray(sinks), Array.isArray(shownSinks)]).toEqual([true, true])
})

test('every option narrows the answer to what it names', async () => {
  const all = await events('-l', '1000')
  const [denied] = await events('--decision', 'deny')
  expect(denied).toMatchObject({ action_id: 'http_fetch', decision: 'deny' })
  const { trace_id, session_id, principal, timestamp } = denied as Record<string, string>
  const by = (fits: (event: Event) => boolean): readonly Event[] => all.filter(fits)
  const same =
    (member: string) =>
    (event: Event): boolean =>
      event[member] === denied?.[member]
  expect(await events('--trace-id', trace_id ?? '')).toEqual([denied])
  expect(await events('--session-id', session_id ?? '')).toEqual(by(same('session_id')))
  expect(await events('--principal', principal ?? '')).toEqual(by(same('principal')))
  expect(await events('--event-type', 'log_key_added')).toEqual(
    by(({ event_type }) => event_type === 'log_key_added'),
  )
  expect(await events('--approval-id', 'none')).toEqual([])
  expect(await events('--limit', '2')).toEqual(all.slice(0, 2))
  expect(await events('--after', timestamp ?? '')).toEqual(
    by((event) => String(event['timestamp']) > String(timestamp)),
  )
  expect(await events('--before', timestamp ?? '', '-l', '1000')).toEqual(
    by((event) => String(event['timestamp']) < String(timestamp)),
  )
  expect(await events('--after', '1w', '-l', '1000')).toEqual(all)
  expect(await events('--before', '1w')).toEqual([])
})

test('a table for people has the reason that the published tool leaves out', async () => {
  const { code, stdout, stderr } = await machine.run(['audit', '--decision', 'deny', '-l', '1'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    /^ {2}time \(UTC\) .*\n {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d {2}deny {6}http_fetch .*\n {4}└─ request schema: \/url must be string\n\n {2}1 event\n$/,
  )
  const csv = await machine.run(['audit', '--decision', 'deny', '-l', '1', '--format', 'csv'])
  expect(csv.stdout).toContain(',deny,request schema: /url must be string,')
})

test.each([
  [['--format', 'xml'], /argument 'xml' is invalid/],
  [['--limit', '0'], /Write a whole number from 1 on/],
  [['--after', 'yesterday'], /argument 'yesterday' is invalid/],
  [['--decision', 'maybe'], /argument 'maybe' is invalid/],
  [['--follow', '--before', '1h'], /--follow shows what comes/],
  [['--follow', '--format', 'json'], /use --format jsonl/],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await machine.run(['audit', ...args])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(message)
})

test('--json and --format are one choice', async () => {
  const { code, document } = await machine.json(['audit', '--format', 'csv'])
  expect([code, document]).toEqual([
    2,
    { ok: false, error: '--json is --format json: give one of the two', code: 'usage' },
  ])
})

function follow(...args: readonly string[]): Running {
  return machine.start(['audit', '--follow', '--format', 'jsonl', '-l', '2', ...args])
}

function lines(running: Running): readonly Event[] {
  return running
    .stdout()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)
}

async function said(running: Running, text: string): Promise<void> {
  const { stderr } = running.child
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (running.stderr().includes(text)) resolve()
    }
    stderr?.on('data', look)
    void running.done.then(() => reject(new Error(`ended without '${text}': ${running.stderr()}`)))
    look()
  })
}

test('--follow begins with the latest, misses nothing over a restart, and Ctrl-C ends it', async () => {
  const before = await events('-l', '2')
  const running = follow()
  await running.said(`"leaf_index":${String(before[0]?.['leaf_index'])}`)
  await call('first_unheard_of', {})
  await running.said('first_unheard_of')
  await machine.run(['down'])
  await said(running, 'waiting for it, Ctrl-C ends')
  await machine.up()
  await said(running, 'the gate answers again')
  await call('second_unheard_of', {})
  await running.said('second_unheard_of')
  running.child.kill('SIGINT')
  const { code, signal, stderr } = await running.done
  expect([code, signal]).toEqual([130, null])
  expect(stderr.trim().split('\n')).toHaveLength(2)
  const all = await events('-l', '1000')
  const from = Number(before[1]?.['leaf_index'])
  const last = Number(lines(running).at(-1)?.['leaf_index'])
  const expected = all.filter(({ leaf_index }) => {
    const index = Number(leaf_index)
    return index >= from && index <= last
  })
  expect(lines(running)).toEqual(expected.toReversed())
}, 60_000)

test('--follow filters what comes, and ends when its reader goes away', async () => {
  const running = follow('--action', 'wanted')
  await call('unwanted', {})
  await call('wanted', {})
  await running.said('wanted')
  expect(lines(running).map(({ action_id }) => action_id)).toEqual(['wanted'])
  running.child.stdout?.destroy()
  await call('wanted', {})
  const { code, stderr } = await running.done
  expect([code, stderr]).toEqual([0, ''])
}, 60_000)

test('who asks faster than operators may waits, instead of failing', async () => {
  await machine.run(['down'])
  const file = machine.file('latchgate.toml')
  const config = readFileSync(file, 'utf8')
  writeFileSync(file, `${config}\n[rate_limits]\noperator_read_rps = 1\n`)
  await machine.up()
  const runs = await Promise.all([1, 2, 3].map(() => machine.run(['audit', '-l', '1'])))
  expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, '']))
}, 60_000)

test('without a gate the answer is why, and nothing else', async () => {
  await machine.run(['down'])
  for (const args of [['audit'], ['audit', '--format', 'csv'], ['audit', '-f']]) {
    const { code, stdout, stderr } = await machine.run(args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('no gate is running')
  }
})
