import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const SCRIPTS = fileURLToPath(new URL('../../../../scripts', import.meta.url))

const DEPENDENCY = { version: '1.0.0', integrity: 'sha512-AAAA' }

let root: string

// A workspace with one dependency and stand-ins for the tools: what is tested is the bootstrap.
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'lg-bootstrap-')))
  cpSync(SCRIPTS, join(root, 'scripts'), { recursive: true })
  lock({ 'node_modules/dep': DEPENDENCY })
  write(
    'package.json',
    JSON.stringify({ name: 'w', version: '1.0.0', dependencies: { dep: '1.0.0' } }),
  )
  write('packages/one/src/kept.ts', '')
  install({ 'node_modules/dep': DEPENDENCY })
  tool('typescript/bin/tsc', 'process.exit(0)')
  tool('vitest/vitest.mjs', 'console.log(JSON.stringify(process.argv.slice(2)))')
  tool('@biomejs/biome/bin/biome', 'process.exit(0)')
  tool('oxlint/bin/oxlint', 'process.exit(0)')
})

afterEach(() => {
  rmSync(root, { recursive: true })
})

test('an old Node is told which one is needed and where to get it', async () => {
  const old = "Object.defineProperty(process, 'versions', { value: { node: '18.20.8' } })"
  const done = await bootstrap(['demo'], {}, ['--import', `data:text/javascript,${encodeURI(old)}`])
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('LatchGate needs Node 20 or newer; this is Node 18.20.8.')
  expect(done.stderr).toContain('https://nodejs.org/en/download')
})

test('a Node 20 without the test tools can build, and is told why it cannot test', async () => {
  const old = "Object.defineProperty(process, 'versions', { value: { node: '20.18.1' } })"
  const preload = ['--import', `data:text/javascript,${encodeURI(old)}`]
  expect((await bootstrap(['build'], {}, preload)).code).toBe(0)
  const refused = await bootstrap(['test'], {}, preload)
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('need Node 20.19, 22.12 or newer; this is Node 20.18.1')
})

test('without a Python that is new enough, test:python says which one is needed', async () => {
  const without = await bootstrap(['test:python'], { PATH: '/nowhere', PYTHON: '' })
  expect(without.code).toBe(1)
  expect(without.stderr).toContain('needs Python 3.10 or newer, with venv; no python3 was found.')
  write('bin/python3', '#!/bin/sh\necho 3.9.2\necho /usr/bin/python3\n')
  chmodSync(join(root, 'bin/python3'), 0o755)
  const old = await bootstrap(['test:python'], { PATH: join(root, 'bin'), PYTHON: '' })
  expect([old.code, old.stdout]).toEqual([1, ''])
  expect(old.stderr).toContain('with venv; python3 is Python 3.9.2.')
})

test('an unknown command answers with the usage, also when Object.prototype knows it', async () => {
  for (const name of ['deploy', 'toString', '']) {
    const done = await bootstrap([name])
    expect([done.code, done.stderr.split(' ')[0]]).toEqual([2, 'usage:'])
  }
})

test('with everything installed it goes straight to the work, without npm', async () => {
  const done = await bootstrap(['build'], { PATH: '/nowhere' })
  expect(done).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
})

test('an optional package for another platform need not be there', async () => {
  lock({
    'node_modules/dep': DEPENDENCY,
    'node_modules/dep-for-another-platform': { ...DEPENDENCY, optional: true },
  })
  expect((await bootstrap(['build'], { PATH: '/nowhere' })).code).toBe(0)
})

test.each([
  ['nothing is installed', () => rmSync(join(root, 'node_modules'), { recursive: true })],
  ['npm was interrupted', () => rmSync(join(root, 'node_modules/.package-lock.json'))],
  ['a release changed', () => lock({ 'node_modules/dep': { ...DEPENDENCY, version: '1.0.1' } })],
  [
    'a package is new',
    () => lock({ 'node_modules/dep': DEPENDENCY, 'node_modules/x': DEPENDENCY }),
  ],
  ['a package was deleted', () => rmSync(join(root, 'node_modules/dep'), { recursive: true })],
  ['a package was emptied', () => rmSync(join(root, 'node_modules/dep/package.json'))],
  [
    'the record of what is installed was cut short',
    () => write('node_modules/.package-lock.json', '{"packages": {'),
  ],
  [
    'it was made for another platform',
    () => install({ 'node_modules/dep': { ...DEPENDENCY, os: ['plan9'] } }),
  ],
  [
    'an older Node left the test tools out',
    () => write('node_modules/.latchgate-installed-by', '20.18.1\n'),
  ],
])('when %s it installs first, and says what npm says when that fails', async (_, spoil) => {
  spoil()
  const done = await bootstrap(['demo'], { npm_config_offline: 'true', npm_config_cache: root })
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('latchgate: installing the dependencies with npm ci: ')
  expect(done.stderr).toMatch(/latchgate: installing failed:\nthe package registry could not be/)
  expect(done.stderr).toContain('Then run `npm run demo` again.')
  expect(done.stderr).not.toMatch(/npm error {2,}at /)
})

test('a missing npm is named', async () => {
  rmSync(join(root, 'node_modules'), { recursive: true })
  const env = { PATH: '/nowhere', npm_execpath: '' }
  const node = join(root, 'node')
  cpSync(process.execPath, node)
  const done = await bootstrap(['build'], env, [], node)
  expect(done.code).toBe(127)
  expect(done.stderr).toContain('npm was not found. It comes with Node')
})

test('two commands at once build one after the other, and the second says for whom it waits', async () => {
  tool(
    'typescript/bin/tsc',
    `const fs = require('node:fs')
     fs.mkdirSync('building')
     setTimeout(() => fs.rmdirSync('building'), 700)`,
  )
  const done = await Promise.all([bootstrap(['build']), bootstrap(['build']), bootstrap(['build'])])
  expect(done.map(({ code }) => code)).toEqual([0, 0, 0])
  expect(done.map(({ stderr }) => stderr).join('')).toMatch(
    /latchgate: waiting for another command that installs or builds here \(pid \d+\)\n/,
  )
  expect(existsSync(join(root, '.cache/bootstrap.lock'))).toBe(false)
})

test('a lock that a killed command left behind holds nobody up', async () => {
  for (const left of ['4194304999\n', '', 'nonsense']) {
    write('.cache/bootstrap.lock', left)
    expect(await bootstrap(['build'])).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  }
})

test('where nothing can be written, what was compiled runs, and what is missing is named', async () => {
  // Root writes everywhere: the child must be somebody else.
  const preload = 'if (process.getuid() === 0) process.setuid(65534)'
  const other = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
  write('packages/e2e/dist/src/demo/main.js', "console.log('the demo')")
  chmodSync(root, 0o555)
  try {
    const shown = await bootstrap(['demo'], {}, other)
    expect([shown.code, shown.stdout]).toEqual([0, 'the demo\n'])
    expect(shown.stderr).toContain('cannot be written by this user: running what was compiled here')
    const build = await bootstrap(['build'], {}, other)
    expect([build.code, build.stderr]).toEqual([
      1,
      `\nlatchgate: ${root}/ cannot be written by this user.\n` +
        'Clone the repository into a directory of your own and run the command again there.\n',
    ])
    chmodSync(root, 0o755)
    rmSync(join(root, 'node_modules'), { recursive: true })
    chmodSync(root, 0o555)
    const empty = await bootstrap(['demo'], {}, other)
    expect(empty.code).toBe(1)
    expect(empty.stderr).toContain('cannot be written by this user, and nothing is installed yet')
    expect(empty.stderr).not.toContain('EACCES')
  } finally {
    chmodSync(root, 0o755)
  }
})

test('a command that runs does not hold up another', async () => {
  write('packages/e2e/dist/src/demo/main.js', "console.log('on'); setInterval(() => {}, 1000)")
  write('packages/e2e/src/demo/main.ts')
  const child = start(['demo', '--keep'], {}, [], process.execPath)
  await once(child.stdout, 'data')
  expect((await bootstrap(['build'])).code).toBe(0)
  child.kill('SIGTERM')
  await once(child, 'close')
})

test('a signal during the install ends npm, nothing is built, and the next run installs', async () => {
  rmSync(join(root, 'node_modules/.package-lock.json'))
  write(
    'npm-cli.js',
    "require('node:fs').writeFileSync('npm-began', ''); setInterval(() => {}, 1000)",
  )
  tool('typescript/bin/tsc', "require('node:fs').writeFileSync('built', '')")
  const npm = { npm_execpath: join(root, 'npm-cli.js') }
  const child = start(['build'], npm, [], process.execPath)
  while (!existsSync(join(root, 'npm-began'))) await sleep(10)
  child.kill('SIGINT')
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect([code, signal, existsSync(join(root, 'built'))]).toEqual([null, 'SIGINT', false])
  write('npm-cli.js', 'process.exit(7)')
  const next = await bootstrap(['build'], npm)
  expect([next.code, next.stderr.includes('installing the dependencies')]).toEqual([7, true])
})

test('a compiler that is damaged is recognised by the advice', async () => {
  rmSync(join(root, 'node_modules/typescript/bin/tsc'))
  const done = await bootstrap(['build'])
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('remove node_modules and run the command again')
})

test("the build's exit code is the answer, and nothing runs after it", async () => {
  tool('typescript/bin/tsc', 'console.error("a.ts(1,1): error"); process.exit(3)')
  const done = await bootstrap(['test'])
  expect([done.code, done.stdout]).toEqual([3, ''])
  expect(done.stderr).toContain('the build failed: tsc -b ended with 3')
})

test('tests may be named by their sources, and then the style is left out', async () => {
  tool('@biomejs/biome/bin/biome', 'process.exit(9)')
  const done = await bootstrap(['test', 'packages/one/test/a.test.ts', '-t', 'a claim'])
  expect(done.code).toBe(0)
  expect(JSON.parse(done.stdout)).toEqual([
    'run',
    'packages/one/dist/test/a.test.js',
    '-t',
    'a claim',
  ])
})

test('a style fault fails the run, but the tests are run all the same', async () => {
  tool('oxlint/bin/oxlint', 'process.exit(1)')
  const done = await bootstrap(['test'])
  expect([done.code, JSON.parse(done.stdout)]).toEqual([1, ['run']])
  expect(done.stderr).toContain('oxlint found faults')
})

test('what was compiled from a deleted source is removed, and nothing else', async () => {
  for (const name of ['kept', 'gone', 'deep/gone']) {
    for (const suffix of ['.js', '.js.map', '.d.ts'])
      write(`packages/one/dist/src/${name}${suffix}`)
  }
  write('packages/one/dist/src/data.json')
  write('packages/one/dist/tsconfig.tsbuildinfo')
  write('examples/loop/kept.ts')
  for (const name of ['loop/kept.js', 'loop/gone.js', 'gone/gone.js'])
    write(`examples/dist/${name}`)
  await bootstrap(['build'])
  const examples = ['loop/kept.js', 'loop/gone.js', 'gone/gone.js'].map((name) =>
    existsSync(join(root, 'examples/dist', name)),
  )
  expect(examples).toEqual([true, false, false])
  const present = (name: string): boolean => existsSync(join(root, 'packages/one/dist', name))
  expect(
    ['src/kept.js', 'src/kept.d.ts', 'src/data.json', 'tsconfig.tsbuildinfo'].every(present),
  ).toBe(true)
  expect(['src/gone.js', 'src/gone.js.map', 'src/deep/gone.d.ts'].some(present)).toBe(false)
})

test('a signal ends the child, and the steps after it do not run', async () => {
  tool('typescript/bin/tsc', `console.log('compiling'); setInterval(() => {}, 1000)`)
  const child = start(['test'], {}, [], process.execPath)
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect([code, signal]).toEqual([null, 'SIGTERM'])
})

test('a demo that ends itself on a signal decides about the exit code', async () => {
  write(
    'packages/e2e/dist/src/demo/main.js',
    `process.on('SIGTERM', () => process.exit(0)); console.log(process.argv[2])
     setInterval(() => {}, 1000)`,
  )
  write('packages/e2e/src/demo/main.ts')
  const child = start(['demo', '--keep'], {}, [], process.execPath)
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGTERM')
  expect([said.toString(), await once(child, 'close')]).toEqual(['--keep\n', [0, null]])
})

interface Done {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

async function bootstrap(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  nodeArgs: readonly string[] = [],
  node: string = process.execPath,
): Promise<Done> {
  const child = start(args, env, nodeArgs, node)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += String(data)
  })
  child.stderr.on('data', (data) => {
    stderr += String(data)
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, stdout, stderr }
}

function start(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  nodeArgs: readonly string[],
  node: string,
): ChildProcessByStdio<null, Readable, Readable> {
  const script = join(root, 'scripts/bootstrap.mjs')
  return spawn(node, [...nodeArgs, script, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function lock(packages: Readonly<Record<string, object>>): void {
  const head = { name: 'w', version: '1.0.0', dependencies: { dep: '1.0.0' } }
  const contents = {
    name: 'w',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': head, ...packages },
  }
  write('package-lock.json', JSON.stringify(contents))
}

function install(packages: Readonly<Record<string, object>>): void {
  for (const path of Object.keys(packages)) write(`${path}/package.json`, '{"version":"1.0.0"}')
  write('node_modules/.package-lock.json', JSON.stringify({ packages }))
}

function tool(path: string, script: string): void {
  write(`node_modules/${path}`, script)
}

function write(path: string, text = ''): void {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
