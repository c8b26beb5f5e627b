import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'

const DEMO = fileURLToPath(new URL('../src/demo/main.js', import.meta.url))

let temp: TempDir
const started: Pick<Demo, 'child' | 'done'>[] = []

beforeEach(() => {
  temp = tempDir()
  mkdirSync(temp.file('t'), { mode: 0o700 })
})

afterEach(async () => {
  // A test that failed half-way must not leave its gate running.
  for (const { child, done } of started.splice(0)) {
    child.kill('SIGKILL')
    await done
  }
  temp.remove()
})

interface Demo {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly text: () => string
  readonly done: Promise<readonly [number | null, string | null]>
  said(text: string): Promise<void>
}

function demo(...args: readonly string[]): Demo {
  return demoIn(temp.file('t'), ...args)
}

function demoIn(tmpdir: string, ...args: readonly string[]): Demo {
  const child = spawn(process.execPath, [DEMO, ...args], {
    env: { PATH: process.env['PATH'], HOME: temp.path, TMPDIR: tmpdir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const done = once(child, 'close').then(
    ([code, signal]) => [code as number | null, signal as string | null] as const,
  )
  started.push({ child, done })
  return {
    child,
    text: () => text,
    done,
    said: async (wanted) => {
      while (!text.includes(wanted)) {
        if (child.exitCode !== null) throw new Error(`ended without saying '${wanted}': ${text}`)
        await Promise.race([once(child.stdout, 'data'), done])
      }
    },
  }
}

/** Without the breaks of its lines. */
function flowing(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

test('the demo tells each act, what it proves, that nothing is separated, and how to go on', async () => {
  const { text, done } = demo()
  expect(await done).toEqual([0, null])
  const told = flowing(text())
  for (const sentence of [
    'they are not separated',
    '1. An allowed read',
    'effect GET https://api.github.com/zen → answered 200 from 127.0.0.1:',
    'signature valid, result hash matches',
    '2. A call with a token that the agent never sees',
    'upstream gets Authorization: Bearer ghp_demo_',
    'agent sees {"login":"demo","you_sent":"Bearer ***REDACTED***"}',
    'receipt: secret GITHUB_TOKEN went into header:authorization; it came back and was removed',
    '3. A call outside its rights',
    "is not authorised for action 'http_delete' upstream gets nothing",
    '4. A call that waits for a human',
    "held because the risk of the action asks for it: the action's risk level is high",
    'request POST https://api.github.com/repos/acme/rocket/issues',
    'gets the result of that very call: issue #7',
    'receipt: approved by operator, with his signature over the plan',
    'is told: not during the freeze',
    'changes one byte of the stored plan: 9:00 to 8:00',
    'plan_hash_mismatch: what is stored is not what was shown',
    '5. An attempt to reach a private address',
    'denied: egress_denied: 169.254.169.254 is not a public address',
    '6. A copy of the ledger is tampered with',
    "leaf #5, receipt_signature: the receipt's signature is invalid",
    'npm run demo -- --keep',
  ]) {
    expect(told).toContain(sentence)
  }
  const id = /receipt ([0-9a-f-]{36}): signed/.exec(told)?.[1]
  expect(id).toBeDefined()
  // The record that was tampered with is the one of the first act.
  expect(told).toContain(`leaf #5 receipt ${id}`)
  expect(text()).not.toContain('\u001b')
  expect(
    text()
      .split('\n')
      .filter((line) => line.length > 80),
  ).toEqual([])
  expect(readdirSync(temp.file('t'))).toEqual([])
})

test.each([
  ['SIGINT', 0],
  ['SIGTERM', 0],
] as const)('--keep leaves the gate running until %s, and then nothing', async (signal, code) => {
  const { child, said, text, done } = demo('--keep')
  await said('Ctrl-C ends gate and upstream and removes their files.')
  const socket = /socket: '([^']+)'/.exec(text())?.[1] ?? ''
  expect(existsSync(socket)).toBe(true)
  for (const command of ['status', 'actions github_read', 'receipts show ', 'verify --ledger ']) {
    expect(text()).toMatch(new RegExp(`node \\S+/latchgate.js --config \\S+ ${command}`))
  }
  child.kill(signal)
  expect(await done).toEqual([code, null])
  expect([existsSync(socket), readdirSync(temp.file('t'))]).toEqual([false, []])
})

test('what --keep prints runs as it is copied, also where a directory has a space in its name', async () => {
  const spaced = temp.file('t t')
  mkdirSync(spaced, { mode: 0o700 })
  const { child, said, text, done } = demoIn(spaced, '--keep')
  await said('Ctrl-C ends gate and upstream and removes their files.')
  const commands = text()
    .split('\n')
    .filter((line) => line.startsWith('   node '))
  expect(commands.join('\n')).toContain(`--config '${spaced}/`)
  const ended = commands.map((command) => {
    const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
    return [/ (status|actions|receipts|verify|-e)\b/.exec(command)?.[1], status, stderr]
  })
  expect(ended).toEqual([
    ['status', 0, ''],
    ['actions', 0, ''],
    ['receipts', 0, ''],
    ['verify', 0, ''],
    ['verify', 2, ''],
    ['-e', 0, ''],
  ])
  child.kill('SIGINT')
  expect((await done)[0]).toBe(0)
})

test('interrupted in the middle it ends with the signal’s code and leaves nothing', async () => {
  const { child, said, done } = demo()
  await said('1. An allowed read')
  child.kill('SIGINT')
  expect(await done).toEqual([130, null])
  expect(readdirSync(temp.file('t'))).toEqual([])
})

test('a reader that goes away ends it quietly, and nothing is left', async () => {
  const { child, said, text, done } = demo()
  await said('LatchGate: what an agent can do')
  child.stdout.destroy()
  expect(await done).toEqual([141, null])
  expect([text().includes('EPIPE'), readdirSync(temp.file('t'))]).toEqual([false, []])
})

test('an unknown option is refused, and the known one named', async () => {
  const { text, done } = demo('--kep')
  expect(await done).toEqual([2, null])
  expect(text()).toBe('unknown option --kep; there is --keep\n')
})
