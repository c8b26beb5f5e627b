import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { VERSION } from '@latchgate/gate'
import { tempDir } from '@latchgate/testkit'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { FAILURE_CODES } from '../src/command-failure.js'
import { main } from '../src/main.js'
import { buildProgram } from '../src/program.js'
import { CLI_PAGE, documentedJson, sectionOf, shapeOf } from './documentation.js'

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const BIN = fileURLToPath(new URL('../../bin/latchgate.js', import.meta.url))

async function run(...argv: readonly string[]): Promise<Result> {
  let stdout = ''
  let stderr = ''
  const code = await main(
    argv,
    {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      env: { HOME: '/nowhere', XDG_RUNTIME_DIR: '/nowhere' },
    },
    '/',
  )
  return { code, stdout, stderr }
}

/** Every command that does something, with its full name. */
function commandsOf(parent: Command, prefix = ''): readonly (readonly [string, Command])[] {
  return parent.commands.flatMap((command) => {
    const name = `${prefix}${command.name()}`
    return command.commands.length > 0
      ? commandsOf(command, `${name} `)
      : [[name, command] as const]
  })
}

const nowhere = { write: () => undefined }
const program = buildProgram({ stdout: nowhere, stderr: nowhere, env: {} }, false, async () => {
  throw new Error('nothing is run here')
})
const COMMANDS = commandsOf(program)

test('docs/cli.md has a section for every command, and for no other', () => {
  const documented = [...CLI_PAGE.matchAll(/^## ([a-z -]+)$/gm)].map(([, name]) => name)
  expect(documented).toEqual(COMMANDS.map(([name]) => name))
  expect(documented.length).toBeGreaterThan(6)
})

test('docs/cli.md names every option where it belongs, and no other', () => {
  const flags = (text: string): readonly string[] => [
    ...new Set(text.match(/(?<=[`, ])--[a-z][a-z-]+/g)),
  ]
  const global = flags(sectionOf('Options of every command'))
  expect(global).toEqual(program.options.map((option) => option.long).toSorted(byPage(global)))
  for (const [name, command] of COMMANDS) {
    const own = command.options.map((option) => String(option.long))
    const mentioned = flags(sectionOf(name))
    expect([name, mentioned.filter((flag) => !global.includes(flag)).sort()]).toEqual([
      name,
      own.sort(),
    ])
  }
})

test('docs/cli.md explains every failure code, and no other', () => {
  const rows = [...sectionOf('Failures').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) =>
    String(code),
  )
  expect(rows.toSorted()).toEqual([...FAILURE_CODES].toSorted())
})

test('a failure with --json has the documented shape', async () => {
  const { code, stdout, stderr } = await run('actions', 'nope', '--json', '--config', '/nope')
  expect([code, stderr]).toEqual([1, ''])
  const { problems: _problems, ...document } = JSON.parse(stdout) as Record<string, unknown>
  expect(shapeOf(document)).toEqual(shapeOf(documentedJson('Failures')))
})

test('every command explains itself', async () => {
  for (const [name, command] of COMMANDS) {
    const { code, stdout, stderr } = await run(...name.split(' '), '--help')
    expect([name, code, stderr]).toEqual([name, 0, ''])
    expect(stdout).toContain(`Usage: latchgate ${name}`)
    expect(stdout).toContain(command.description())
    expect(stdout).toContain('Options of every command: latchgate --help')
  }
})

test('help teaches the first steps, and the exit codes', async () => {
  const { code, stdout } = await run('--help')
  expect(code).toBe(0)
  expect(stdout).toContain('latchgate up -d            set up and start the gate of this directory')
  expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage or bad evidence.')
})

test('the version is printed by both options', async () => {
  const expected = { code: 0, stdout: `latchgate ${VERSION}\n`, stderr: '' }
  expect(await run('--version')).toEqual(expected)
  expect(await run('-V')).toEqual(expected)
})

test.each([
  [['statsu'], "error: unknown command 'statsu'\n(Did you mean status?)"],
  [['status', '--jsno'], "error: unknown option '--jsno'\n(Did you mean --json?)"],
  [['receipts', 'shwo'], "error: unknown command 'shwo'\n(Did you mean show?)"],
  [['policy', 'grnat'], "error: unknown command 'grnat'\n(Did you mean grant?)"],
  [['policy', 'grant', 'a'], "error: missing required argument 'actions'"],
  [['receipts', 'show'], "error: missing required argument 'receipt_id'"],
  [
    ['actions', 'a', 'b'],
    "error: too many arguments for 'actions'. Expected 1 argument but got 2.",
  ],
  [['verify', '--ledger'], "error: option '--ledger <file>' argument missing"],
])('wrong usage %j is 2, with what was meant', async (argv, message) => {
  expect(await run(...argv)).toEqual({
    code: 2,
    stdout: '',
    stderr: `${message}\nRun with --help for the usage.\n`,
  })
  const { code, stdout, stderr } = await run(...argv, '--json')
  // `--ledger` takes the next word, whatever it is.
  if (argv[1] === '--ledger') return
  expect([code, stderr, JSON.parse(stdout)]).toEqual([
    2,
    '',
    { ok: false, error: message.replace('error: ', '').replace('\n', ' '), code: 'usage' },
  ])
})

test('without a command the help is the answer, with 2', async () => {
  const { code, stderr } = await run()
  expect([code, stderr.split('\n')[0]]).toEqual([2, 'Usage: latchgate [options] [command]'])
  const receipts = await run('receipts', '--json')
  expect([receipts.code, JSON.parse(receipts.stdout)]).toEqual([
    2,
    { ok: false, error: 'a command is missing', code: 'usage' },
  ])
})

test('a defect is called one, with its trace', async () => {
  const stdout = {
    write: (): never => {
      throw new TypeError('boom')
    },
  }
  let stderr = ''
  const code = await main(
    ['status'],
    { stdout, stderr: { write: (text) => (stderr += text) }, env: { XDG_RUNTIME_DIR: '/nowhere' } },
    '/',
  )
  expect(code).toBe(1)
  expect(stderr).toMatch(/^✗ {2}a defect in latchgate, please report it: TypeError: boom\n {4}at /)
})

test('the README names no command that does not exist', () => {
  const root = fileURLToPath(new URL('../../../../', import.meta.url))
  for (const page of ['README.md', 'packages/cli/README.md', 'docs/cli.md']) {
    const text = readFileSync(`${root}${page}`, 'utf8')
    const used = [...text.matchAll(/(?:^|`)latchgate ([a-z]+)/gm)].map(([, name]) => name)
    const known = [...program.commands.map((command) => command.name()), 'help']
    expect([page, used.filter((name) => !known.includes(name ?? ''))]).toEqual([page, []])
  }
})

function byPage(page: readonly string[]) {
  return (a: string | null | undefined, b: string | null | undefined): number =>
    page.indexOf(a ?? '') - page.indexOf(b ?? '')
}

test('an old Node is told which one is needed, not shown a stack', () => {
  const old = "Object.defineProperty(process, 'versions', { value: { node: '18.20.8' } })"
  const preload = `data:text/javascript,${encodeURIComponent(old)}`
  const { status, stderr } = spawnSync(process.execPath, ['--import', preload, BIN, 'status'], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([1, 'latchgate needs Node 20 or newer; this is Node 18.20.8.\n'])
})

test('before the first build the command says how to build it', () => {
  const temp = tempDir()
  try {
    mkdirSync(temp.file('bin'))
    writeFileSync(temp.file('package.json'), '{"type":"module"}')
    cpSync(BIN, temp.file('bin/latchgate.js'))
    const { status, stderr } = spawnSync(process.execPath, [temp.file('bin/latchgate.js')], {
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([
      1,
      "latchgate is not compiled yet: run 'npm run build' in its repository.\n",
    ])
  } finally {
    temp.remove()
  }
})

test('a reader that goes away changes neither the exit code nor what is on standard error', async () => {
  const child = spawn(process.execPath, [BIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += String(data)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  expect([code, stderr]).toEqual([0, ''])
})
