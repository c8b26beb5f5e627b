import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createTestCa } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isAlive, Machine, modeOf } from './cli-process.js'
import { jsonHere } from './in-process.js'

let machine: Machine
const servers: Server[] = []

beforeEach(() => {
  machine = new Machine()
})

afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  await machine.remove()
})

test('a first run makes keys, policy and an operator that nobody else can read', async () => {
  const document = await machine.up()
  expect(document).toEqual({
    ok: true,
    created: true,
    already_running: false,
    pid: expect.any(Number) as number,
    config: machine.file('latchgate.toml'),
    socket: machine.socket,
    admin_socket: machine.adminSocket,
    log: machine.file('logs', 'gate.log'),
  })
  const directories = ['data', 'keys', 'logs', 'manifests', 'operators', 'policies']
  expect(readdirSync(machine.file()).sort()).toEqual(
    ['audit.db.high-water', 'latchgate.toml', ...directories].sort(),
  )
  for (const name of ['', ...directories]) {
    expect([name, modeOf(machine.file(name))]).toEqual([name, '700'])
    for (const entry of readdirSync(machine.file(name))) {
      if (statSync(machine.file(name, entry)).isDirectory()) continue
      expect([entry, modeOf(machine.file(name, entry))]).toEqual([entry, '600'])
    }
  }
  expect(readdirSync(machine.file('keys')).sort()).toEqual([
    'lease.pem',
    'log.key',
    'receipt-keys.jwks',
    'receipt.key',
  ])
  expect(readdirSync(machine.file('operators'))).toEqual(['operator.pem'])
  expect([modeOf(machine.socket), modeOf(machine.adminSocket)]).toEqual(['600', '600'])
  expect(modeOf(join(machine.runtime, 'latchgate'))).toBe('700')
})

test('a second start changes no file and says that the gate runs', async () => {
  const first = await machine.up()
  const before = fingerprint(machine)
  const second = await machine.json(['up'])
  expect(second).toEqual({
    code: 0,
    document: { ...first, created: false, already_running: true, log: null },
  })
  const told = await machine.run(['up', '-d'])
  expect([told.code, told.stdout.split('\n')[0]]).toEqual([
    0,
    `✓  the gate is already running (pid ${String(first['pid'])})`,
  ])
  await machine.run(['down'])
  await machine.up()
  expect(fingerprint(machine)).toEqual(before)
})

test('two first runs at once set one project up and start one gate', async () => {
  const [one, two] = await Promise.all([machine.up(), machine.up()])
  expect(one?.['pid']).toBe(two?.['pid'])
  expect(new Set([one?.['already_running'], two?.['already_running']])).toEqual(
    new Set([false, true]),
  )
  expect((await machine.json(['status'])).document['gate']).toEqual({
    running: true,
    listener: 'this_gate',
    pid: one?.['pid'],
  })
})

test('a first run that died half-way is begun again, and what it wrote is kept', async () => {
  await machine.up()
  await machine.run(['down'])
  const pem = readFileSync(machine.file('operators', 'operator.pem'), 'utf8')
  for (const name of ['latchgate.toml', 'policies/data.json', 'data', 'audit.db.high-water']) {
    rmSync(machine.file(name), { recursive: true })
  }
  expect((await machine.up())['created']).toBe(true)
  expect(readFileSync(machine.file('operators', 'operator.pem'), 'utf8')).toBe(pem)
  expect(existsSync(machine.file('policies', 'data.json'))).toBe(true)
})

test('a project in git is kept out of it, once', async () => {
  mkdirSync(join(machine.project, '.git'))
  writeFileSync(join(machine.project, '.gitignore'), 'dist')
  await machine.up()
  const expected = 'dist\n\n# LatchGate: keys and evidence\n.latchgate/\n'
  expect(readFileSync(join(machine.project, '.gitignore'), 'utf8')).toBe(expected)
})

test("the gate of another directory is neither taken for this one's nor stopped", async () => {
  const first = await machine.up()
  const other = machine.temp.file('q')
  mkdirSync(other)
  const up = await machine.json(['up', '-d'], { cwd: other })
  expect(up).toEqual({
    code: 1,
    document: {
      ok: false,
      error: `the gate on ${machine.adminSocket} is not this project's: pid ${String(first['pid'])} in ${machine.project}`,
      code: 'another_gate',
      hint: `stop it with \`latchgate down\` in its directory,; or give this project sockets of its own: \`listen_uds_path\` and \`listen_admin_uds_path\` in ${join(other, '.latchgate', 'latchgate.toml')}`,
      pid: first['pid'],
    },
  })
  const status = await machine.json(['status'], { cwd: other })
  expect([status.code, status.document['gate']]).toEqual([
    1,
    { running: false, listener: 'another_gate', pid: first['pid'] },
  ])
  expect((await machine.json(['down'], { cwd: other })).document['code']).toBe('another_gate')
  expect((await machine.json(['down'], { cwd: machine.temp.path })).document['code']).toBe(
    'another_gate',
  )
  expect((await machine.json(['status'])).code).toBe(0)
})

test('two projects run side by side on sockets of their own', async () => {
  await machine.up()
  const other = machine.temp.file('q')
  mkdirSync(other)
  await machine.run(['up', '-d'], { cwd: other })
  const file = join(other, '.latchgate', 'latchgate.toml')
  const sockets = 'listen_uds_path = "s/g.sock"\nlisten_admin_uds_path = "s/a.sock"\n'
  writeFileSync(file, sockets + readFileSync(file, 'utf8'))
  expect((await machine.up({ cwd: other }))['socket']).toBe(join(other, '.latchgate', 's/g.sock'))
  expect((await machine.json(['status'], { cwd: other })).code).toBe(0)
  expect((await machine.json(['status'])).code).toBe(0)
})

test.each(['gate-admin.sock', 'gate.sock'])(
  'a stranger on %s keeps his socket and his life',
  async (name) => {
    const directory = join(machine.runtime, 'latchgate')
    mkdirSync(directory, { mode: 0o700 })
    const path = join(directory, name)
    // The stranger is this very process: `down` would end the test run.
    const server = createServer((socket) => {
      // The callers hang up when they have seen enough.
      socket.on('error', () => undefined).end('hello\n')
    }).listen(path)
    servers.push(server)
    await once(server, 'listening')
    const inode = statSync(path).ino
    for (const args of [['up', '-d'], ['up'], ['serve'], ['down']]) {
      const { code, stderr, stdout } = await machine.run(args)
      if (args[0] === 'down' && name === 'gate.sock') {
        expect([code, stdout]).toEqual([0, '=>  no gate is running here: nothing to stop\n'])
      } else {
        expect([args, code]).toEqual([args, 1])
        expect(stderr).toContain(path)
      }
    }
    expect(statSync(path).ino).toBe(inode)
    const { code, document } = await machine.json(['status'])
    expect([code, document['gate']]).toEqual([
      1,
      name === 'gate.sock'
        ? { running: false, listener: null, pid: null }
        : { running: false, listener: 'not_a_gate', pid: process.pid },
    ])
  },
)

test('a process that accepts and says nothing is not stopped, and named', async () => {
  mkdirSync(join(machine.runtime, 'latchgate'), { mode: 0o700 })
  const server = createServer((socket) => void socket.on('error', () => undefined)).listen(
    machine.adminSocket,
  )
  servers.push(server)
  await once(server, 'listening')
  const { code, document } = await machine.json(['down'])
  expect([code, document['code'], document['pid']]).toEqual([1, 'not_a_gate', process.pid])
})

test('after kill -9 the sockets that stayed are replaced', async () => {
  const first = await machine.up()
  process.kill(first['pid'] as number, 'SIGKILL')
  while (isAlive(first['pid'] as number)) await new Promise((resolve) => setTimeout(resolve, 10))
  const before = statSync(machine.socket).ctimeMs
  expect((await machine.json(['status'])).code).toBe(1)
  const second = await machine.up()
  expect(second['already_running']).toBe(false)
  // Not by the inode: a file system may give the same one again.
  expect(statSync(machine.socket).ctimeMs).toBeGreaterThan(before)
  expect((await machine.json(['status'])).code).toBe(0)
})

test('down with nothing to stop is done', async () => {
  const { code, document } = await machine.json(['down'])
  expect([code, document]).toEqual([0, { ok: true, stopped: false, pid: null }])
})

test('down ends the gate and its sockets', async () => {
  const { pid } = await machine.up()
  const { code, document } = await machine.json(['down'])
  expect([code, document]).toEqual([0, { ok: true, stopped: true, pid }])
  expect([existsSync(machine.socket), isAlive(pid as number)]).toEqual([false, false])
})

const EXPOSED: readonly (readonly [string, () => string, number, string])[] = [
  ['a key', () => machine.file('keys', 'log.key'), 0o644, 'chmod 600'],
  ['the configuration', () => machine.file('latchgate.toml'), 0o640, 'chmod 600'],
  ['the policy', () => machine.file('policies'), 0o777, 'chmod go-w'],
  ['the manifests', () => machine.file('manifests'), 0o770, 'chmod go-w'],
  ['the directory of the keys', () => machine.file('keys'), 0o777, 'chmod go-w'],
  ['the additional trust roots', () => machine.file('ca.pem'), 0o666, 'chmod go-w'],
  ['the directory of the sockets', () => join(machine.runtime, 'latchgate'), 0o755, 'chmod 700'],
]

test('what others can read or write stops the start, and the command that mends it is named', async () => {
  await machine.up()
  await machine.run(['down'])
  writeFileSync(machine.file('ca.pem'), (await createTestCa()).caPem, { mode: 0o600 })
  appendFileSync(machine.file('latchgate.toml'), '[egress]\nextra_ca_file = "ca.pem"\n')
  for (const [what, path, mode, remedy] of EXPOSED) {
    const before = statSync(path()).mode & 0o777
    chmodSync(path(), mode)
    const { code, document } = await machine.json(['up', '-d'])
    expect([what, code, document['code']]).toEqual([what, 1, 'gate_start_failed'])
    expect(document['detail']).toContain(`run \`${remedy} ${path()}\``)
    chmodSync(path(), before)
  }
  await machine.up()
})

test('a refused start is a line for the supervisor of serve, and words for who types up', async () => {
  await machine.up()
  await machine.run(['down'])
  machine.prependConfig('listen_http_addr = "127.0.0.1:0"')
  const { document } = await machine.json(['up', '-d'])
  expect(document).toEqual({
    ok: false,
    error: `the gate refused to start (production_security_validation_failed): ${String(document['detail'])}`,
    code: 'gate_start_failed',
    hint: `its log: ${machine.file('logs', 'gate.log')}`,
    startup_error: 'production_security_validation_failed',
    detail: '`listen_http_addr` opens a plain TCP port: set `unsafe_expose_http = true` or drop it',
  })
  const foreground = await machine.run(['up'])
  expect([foreground.code, foreground.stderr]).toEqual([1, `✗  ${String(document['error'])}\n`])
  const served = await machine.run(['serve'])
  expect([served.code, served.stdout, JSON.parse(served.stderr)]).toEqual([
    1,
    '',
    { startup_error: document['startup_error'], detail: document['detail'] },
  ])
})

test('a start that failed is explained by its own log lines, not by those of an earlier one', async () => {
  await machine.up()
  await machine.run(['down'])
  chmodSync(machine.file('keys', 'log.key'), 0o644)
  await machine.run(['up', '-d'])
  chmodSync(machine.file('keys', 'log.key'), 0o600)
  writeFileSync(machine.file('keys', 'log.key'), 'short')
  const { document } = await machine.json(['up', '-d'])
  expect(document['detail']).toMatch(/log\.key has 5 bytes/)
})

test('a wildcard grant of a risky action needs its own flag', async () => {
  await machine.up()
  await machine.run(['down'])
  const data = machine.file('policies', 'data.json')
  const everybody = { allowed_actions: ['http_delete'], allowed_sinks: ['http_delete'] }
  const policy = JSON.parse(readFileSync(data, 'utf8')) as { acl: Record<string, unknown> }
  writeFileSync(data, JSON.stringify({ ...policy, acl: { ...policy.acl, '*': everybody } }))
  const { code, document } = await machine.json(['up', '-d'])
  expect([code, document['startup_error']]).toEqual([1, 'config_validation_failed'])
  expect(document['detail']).toMatch(/\(http_delete\).*`\[posture\] acl_insecure = true`/)
  appendFileSync(machine.file('latchgate.toml'), 'acl_insecure = true\n')
  expect((await machine.up())['already_running']).toBe(false)
})

test('the gate of another user is not stopped, and he is told whose it is', async () => {
  const { pid } = await machine.up()
  const kill = vi.spyOn(process, 'kill').mockImplementationOnce(() => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM', syscall: 'kill' })
  })
  try {
    expect(await jsonHere(machine, ['down'])).toEqual({
      code: 1,
      document: {
        ok: false,
        error: `the gate (pid ${String(pid)}) is another user's process`,
        code: 'io_error',
        hint: 'stop it as that user; to let it begin nothing: latchgate drain',
      },
    })
    expect(kill.mock.calls).toEqual([[pid, 'SIGTERM']])
  } finally {
    kill.mockRestore()
  }
  expect(isAlive(Number(pid))).toBe(true)
})

test('a configuration file that is not there is named, not the system call', async () => {
  const path = machine.temp.file('nope.toml')
  const { code, document } = await jsonHere(machine, ['--config', path, 'status'])
  expect([code, document['error'], document['problems']]).toEqual([
    1,
    `the configuration cannot be used: ${path}`,
    ['there is no such file'],
  ])
})

test('a misspelt key is named with the right one, by every command', async () => {
  await machine.up()
  await machine.run(['down'])
  machine.prependConfig('listen_uds_pth = "x"\nlog_level = "loud"')
  const problems = [
    'unknown key `listen_uds_pth`; did you mean `listen_uds_path`?',
    '`log_level` must be one of fatal, error, warn, info, debug, trace, silent',
  ]
  for (const args of [['up', '-d'], ['serve'], ['status'], ['down'], ['verify']]) {
    const { code, document } = await machine.json(args)
    expect([args, code, document['code'], document['problems']]).toEqual([
      args,
      1,
      'config_invalid',
      problems,
    ])
  }
  const { stderr } = await machine.run(['up'])
  expect(stderr).toBe(
    [
      `✗  the configuration cannot be used: project (${machine.file('latchgate.toml')})`,
      ...problems.map((problem) => `   ${problem}`),
      '   docs/configuration.md has every key; --config PATH names another file',
      '',
    ].join('\n'),
  )
})

test('in the foreground it says when it is ready and ends on SIGTERM with 0', async () => {
  const running = machine.start(['up'])
  await running.said('LatchGate is ready')
  await running.said('Ctrl-C')
  expect(running.stdout()).toContain(`  socket          ${machine.socket}\n`)
  expect((await machine.json(['status'])).code).toBe(0)
  running.child.kill('SIGTERM')
  const done = await running.done
  expect([done.code, done.signal]).toEqual([0, null])
  expect(done.stdout.endsWith('✓  stopped\n')).toBe(true)
  expect(done.stderr).toContain('⚠  not separated: ')
  expect(existsSync(machine.socket)).toBe(false)
})

test('with --json the foreground prints one document, then only ends', async () => {
  const running = machine.start(['up', '--json'])
  await running.said('}\n')
  running.child.kill('SIGINT')
  const { code, stdout } = await running.done
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    {
      ok: true,
      created: true,
      already_running: false,
      pid: running.child.pid,
      config: machine.file('latchgate.toml'),
      socket: machine.socket,
      admin_socket: machine.adminSocket,
      log: null,
    },
  ])
})

test.runIf(process.getuid?.() === 0)(
  'a directory that somebody else made is not set up, nor its configuration used',
  async () => {
    mkdirSync(machine.file(), { recursive: true })
    execFileSync('chown', ['12345', machine.file()])
    const { code, document } = await machine.json(['up', '-d'])
    expect([code, document['code'], document['error']]).toEqual([
      1,
      'project_unusable',
      `${machine.file()} belongs to uid 12345, and this is uid 0`,
    ])
  },
)

test('what stands where .latchgate should be is left alone', async () => {
  writeFileSync(machine.file(), 'mine')
  const { code, document } = await machine.json(['up', '-d'])
  expect([code, document['code'], document['error']]).toEqual([
    1,
    'project_unusable',
    `${machine.file()} is not a directory`,
  ])
  expect(readFileSync(machine.file(), 'utf8')).toBe('mine')
})

// Name, mode and contents of everything that a second start must leave as it is.
function fingerprint(of: Machine): readonly string[] {
  return ['latchgate.toml', 'policies/data.json', 'operators/operator.pem']
    .concat(readdirSync(of.file('keys')).map((name) => `keys/${name}`))
    .map((name) => `${name} ${modeOf(of.file(name))} ${readFileSync(of.file(name), 'hex')}`)
}
