import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { openDatabase } from '@latchgate/gate'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { splitRemedy } from '../src/doctor/check.js'
import { Machine } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'
import { jsonHere, runHere } from './in-process.js'

interface Finding {
  readonly section: string
  readonly check: string
  readonly severity: 'ok' | 'skip' | 'warn' | 'error'
  readonly message: string
  readonly remedy?: string
}

let former: Machine
let machine: Machine

beforeAll(async () => {
  former = new Machine()
  await former.up()
  await former.run(['down'])
})

afterAll(async () => {
  await former.remove()
})

beforeEach(() => {
  machine = new Machine()
})

afterEach(async () => {
  await machine.remove()
})

async function doctor(env: Readonly<Record<string, string>> = {}): Promise<{
  readonly code: number
  readonly document: Record<string, unknown>
  readonly found: readonly Finding[]
}> {
  const { code, document } = await jsonHere(machine, ['doctor'], { env })
  return { code, document, found: document['checks'] as readonly Finding[] }
}

/** `section/check` and message of everything of this severity. */
function those(found: readonly Finding[], severity: Finding['severity']): readonly string[] {
  return found
    .filter((one) => one.severity === severity)
    .map(({ section, check, message }) => `${section}/${check}: ${message}`)
}

/** A project whose gate has run and was stopped: a copy of one that has, for the sake of time. */
function stoppedProject(): void {
  execFileSync('cp', ['-a', former.file(), machine.project])
  mkdirSync(join(machine.runtime, 'latchgate'), { mode: 0o700 })
}

test('a new project has no error; that agent and gate are one user is a warning', async () => {
  await runHere(machine, ['init'])
  const { code, document, found } = await doctor()
  expect([code, document['errors'], document['healthy']]).toEqual([2, 0, true])
  expect(document['warnings']).toBe(those(found, 'warn').length)
  const principal = String(
    /principal = "(.*)"/.exec(readFileSync(machine.file('latchgate.toml'), 'utf8'))?.[1],
  )
  expect(those(found, 'warn')).toContain(
    `separation/same_user: not separated: '${principal}' runs as the gate's own user and could read its keys`,
  )
  expect(those(found, 'warn')).toContain(
    'configuration/posture: identity_insecure is set: the gate promises less, and every record says dev_mode',
  )
  expect(those(found, 'ok')).toContain(
    `keys/log_signing_key_path: ${machine.file('keys', 'log.key')} will be made at the first start`,
  )
  const documented = documentedJson('doctor')
  expect(shapeOf({ ...document, checks: [] })).toEqual(shapeOf({ ...documented, checks: [] }))
  expect(shapeOf(found.find(({ severity }) => severity === 'ok'))).toEqual(
    shapeOf((documented['checks'] as readonly unknown[])[0]),
  )
  for (const one of found) {
    const isToMend = one.severity === 'warn' || one.severity === 'error'
    expect([one, one.remedy !== undefined && one.remedy !== '']).toEqual([one, isToMend])
  }
})

function addIssuer(keys = 'algorithms = ["ES256"]\njwks_file = "issuer.jwks"'): void {
  const table = `[[identity.jwt]]\nissuer = "https://issuer.example"\naudience = "gate"\n${keys}\n`
  appendFileSync(machine.file('latchgate.toml'), `\n${table}`)
}

/** What breaks a project, and the finding that must name it. */
const BREAKAGES: readonly (readonly [string, () => void | Promise<void>, string])[] = [
  [
    'a key that others may read',
    () => chmodSync(machine.file('keys', 'log.key'), 0o644),
    'keys/log_signing_key_path: ',
  ],
  [
    'a key of the wrong length',
    () => writeFileSync(machine.file('keys', 'receipt.key'), 'x'),
    'keys/receipt_signing_key_path: ',
  ],
  [
    'a lease key that is none',
    () => writeFileSync(machine.file('keys', 'lease.pem'), 'x'),
    'keys/lease_signing_key_path: ',
  ],
  [
    'a key registry that does not parse',
    () => writeFileSync(machine.file('keys', 'receipt-keys.jwks'), '{'),
    'keys/receipt_keys_jwks_path: ',
  ],
  [
    'a configuration that others may read',
    () => chmodSync(machine.file('latchgate.toml'), 0o640),
    'permissions/private: ',
  ],
  [
    'manifests that others may write',
    () => chmodSync(machine.file('manifests'), 0o777),
    'permissions/writable: ',
  ],
  [
    'a manifest that is none',
    () => writeFileSync(machine.file('manifests', 'x.yaml'), 'nothing: [', { mode: 0o600 }),
    'actions/manifests: ',
  ],
  [
    'policy data that is not valid',
    () =>
      writeFileSync(
        machine.file('policies', 'data.json'),
        '{"policy_version": "x", "acl": {"a": 1}}',
      ),
    'policy/data: ',
  ],
  [
    'high risk for everybody',
    () => {
      const all = { allowed_actions: ['http_delete'], allowed_sinks: ['http_delete'] }
      writeFileSync(
        machine.file('policies', 'data.json'),
        JSON.stringify({ policy_version: 'x', acl: { '*': all } }),
      )
    },
    'policy/wildcard: ',
  ],
  [
    'keys of an issuer that are not there',
    () => addIssuer(),
    'keys/issuer https://issuer.example: ',
  ],
  [
    'keys of an issuer that others may write',
    () => {
      addIssuer()
      writeFileSync(machine.file('issuer.jwks'), '{"keys": []}')
      chmodSync(machine.file('issuer.jwks'), 0o666)
    },
    'permissions/writable: ',
  ],
  ['an issuer without keys', () => addIssuer('algorithms = ["ES256"]'), 'configuration/identity: '],
  ['an unknown key', () => machine.prependConfig('gate_nam = "x"'), 'configuration/loads: '],
  [
    'a listener without its flag',
    () => machine.prependConfig('listen_http_addr = "127.0.0.1:0"'),
    'configuration/listeners: ',
  ],
  [
    'a base URL that is none',
    () => machine.prependConfig('public_base_url = "ftp://x"'),
    'configuration/public_base_url: ',
  ],
  [
    'another name for the log',
    () => {
      const file = machine.file('latchgate.toml')
      writeFileSync(
        file,
        readFileSync(file, 'utf8').replace(/gate_name = .*/, 'gate_name = "other"'),
      )
    },
    'ledger/ledger: ',
  ],
  ['a log key that was replaced', () => rmSync(machine.file('keys', 'log.key')), 'ledger/ledger: '],
  [
    'a ledger that is gone',
    () => {
      for (const name of readdirSync(machine.file('data'))) rmSync(machine.file('data', name))
    },
    'ledger/ledger: ',
  ],
  [
    'a ledger that is something else',
    () => {
      for (const name of readdirSync(machine.file('data'))) rmSync(machine.file('data', name))
      writeFileSync(machine.file('data', 'audit.db'), 'something else'.repeat(1000))
    },
    'ledger/ledger: ',
  ],
  [
    'a trigger in the ledger',
    () => {
      const db = openDatabase(machine.file('data', 'audit.db'))
      db.exec('CREATE TRIGGER t AFTER INSERT ON leaves BEGIN DELETE FROM proofs; END')
      db.close()
    },
    'ledger/ledger: ',
  ],
  [
    'a directory of sockets that others may enter',
    () => chmodSync(join(machine.runtime, 'latchgate'), 0o755),
    'sockets/listen_uds_path: ',
  ],
  [
    'a socket path that is too long',
    () => machine.prependConfig(`listen_uds_path = "/tmp/${'x'.repeat(120)}"`),
    'sockets/listen_uds_path: ',
  ],
  [
    'a file where the socket belongs',
    () => writeFileSync(machine.socket, ''),
    'sockets/listen_uds_path: ',
  ],
  [
    'trust roots that are none',
    () => {
      writeFileSync(machine.file('ca.pem'), 'x', { mode: 0o600 })
      appendFileSync(machine.file('latchgate.toml'), '[egress]\nextra_ca_file = "ca.pem"\n')
    },
    'configuration/trust_roots: ',
  ],
]

test.each(BREAKAGES)('doctor and start-up agree on %s', async (_what, breakIt, finding) => {
  stoppedProject()
  await breakIt()
  const { code, document, found } = await doctor()
  const errors = those(found, 'error')
  expect([code, document['healthy'], errors.length > 0]).toEqual([1, false, true])
  expect(errors.filter((one) => one.startsWith(finding)).length).toBe(1)
  expect((await jsonHere(machine, ['config', 'validate'])).code).toBe(1)
  const start = await machine.run(['serve'])
  expect([start.code, start.stdout]).toEqual([1, ''])
})

test('before anything breaks, doctor and start-up agree that it may start', async () => {
  stoppedProject()
  expect((await doctor()).document['errors']).toBe(0)
  expect((await machine.up())['already_running']).toBe(false)
})

test('a finding of the gate is in its own words, parted into problem and remedy', async () => {
  stoppedProject()
  const log = machine.file('keys', 'log.key')
  chmodSync(log, 0o604)
  const { found } = await doctor()
  expect(found.find(({ check }) => check === 'log_signing_key_path')).toEqual({
    section: 'keys',
    check: 'log_signing_key_path',
    severity: 'error',
    message: `${log} holds keys and has mode 0604`,
    remedy: `run \`chmod 600 ${log}\``,
  })
  expect(splitRemedy('no colon here')).toEqual({ message: 'no colon here' })
  expect(splitRemedy('bad: it has no verb')).toEqual({ message: 'bad: it has no verb' })
  expect(splitRemedy('`x` is y: set `x`, or `y`')).toEqual({
    message: '`x` is y',
    remedy: 'set `x`, or `y`',
  })
})

test('doctor changes no file and makes none, before the first start and after it', async () => {
  await runHere(machine, ['init'])
  const before = everything(machine.temp.path)
  await doctor()
  expect(everything(machine.temp.path)).toEqual(before)
  rmSync(machine.file(), { recursive: true })
  stoppedProject()
  // As a copied or checkpointed ledger lies there: SQLite would make `-wal` and `-shm` beside it.
  const db = openDatabase(machine.file('data', 'audit.db'))
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  for (const end of ['-wal', '-shm'])
    rmSync(machine.file('data', `audit.db${end}`), { force: true })
  const stopped = everything(machine.temp.path)
  const { code, found } = await doctor()
  expect([
    code,
    those(found, 'ok').some((one) => /ledger\/ledger: .* 3 records/.test(one)),
  ]).toEqual([2, true])
  await runHere(machine, ['config', 'validate'])
  expect(everything(machine.temp.path)).toEqual(stopped)
})

test('beside a running gate it says so, and reads its ledger', async () => {
  const { pid } = await machine.up()
  const { code, found } = await doctor()
  expect(code).toBe(2)
  expect(those(found, 'ok')).toContain(`sockets/gate: running, pid ${String(pid)}`)
  expect(those(found, 'ok').some((one) => one.startsWith('ledger/high_water: '))).toBe(true)
  expect((await jsonHere(machine, ['status'])).code).toBe(0)
})

test('the gate of another project on the socket is an error that names it', async () => {
  const { pid } = await machine.up()
  renameSync(machine.file('keys'), machine.file('keys.old'))
  renameSync(machine.file('data'), machine.file('data.old'))
  rmSync(machine.file('audit.db.high-water'))
  const { code, found } = await doctor()
  expect(code).toBe(1)
  expect(those(found, 'error')).toEqual([
    `sockets/gate: the gate on ${machine.adminSocket} is not this project's: pid ${String(pid)} in ${machine.project}`,
  ])
})

test('a port that somebody else has is an error', async () => {
  await runHere(machine, ['init'])
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { readonly port: number }
  machine.prependConfig(`listen_http_addr = "127.0.0.1:${port}"\nunsafe_expose_http = true`)
  const { code, found } = await doctor()
  server.close()
  expect([code, those(found, 'error')]).toEqual([
    1,
    [`sockets/listen_http_addr: somebody listens on 127.0.0.1:${port} already`],
  ])
})

test('a clock behind the latest record is an error, since every call would be denied', async () => {
  stoppedProject()
  const db = openDatabase(machine.file('data', 'audit.db'))
  db.exec(`UPDATE log_state SET highest_time = ${Date.now() + 60_000}`)
  db.close()
  const { code, found } = await doctor()
  expect(code).toBe(1)
  expect(those(found, 'error')).toEqual([
    expect.stringMatching(
      /^clock\/time: the clock is (5\d|60) s behind the latest record: every call is denied$/,
    ),
  ])
})

test('a missing high-water file is a warning: an older copy could not be told', async () => {
  stoppedProject()
  rmSync(machine.file('audit.db.high-water'))
  const { code, found } = await doctor()
  expect(code).toBe(2)
  expect(those(found, 'warn')).toContain(
    `ledger/high_water: ${machine.file('audit.db.high-water')} is missing: whether the ledger is an older copy cannot be known`,
  )
  expect(existsSync(machine.file('audit.db.high-water'))).toBe(false)
})

test('an agent that is mapped, and that no group lets in, is a warning until one does', async () => {
  await runHere(machine, ['init'])
  const reachable = async (): Promise<readonly Finding[]> =>
    (await doctor()).found.filter(({ check }) => check === 'reachable')
  expect(await reachable()).toEqual([])
  appendFileSync(
    machine.file('latchgate.toml'),
    '[identity.peercred.principals.4711]\nprincipal = "billing-agent"\n',
  )
  const socket = join(machine.runtime, 'latchgate', 'gate.sock')
  expect(await reachable()).toEqual([
    {
      section: 'separation',
      check: 'reachable',
      severity: 'warn',
      message: `only the gate's own user may connect to ${socket}: not 'billing-agent' (uid 4711)`,
      remedy:
        'set `listen_uds_group` to a group with the gate and the agents in it, and ' +
        '`listen_admin_uds_path` to a path in another directory',
    },
  ])
  machine.prependConfig('listen_uds_group = "latchgate-agents"')
  expect(await reachable()).toEqual([])
})

test('what policy grants is held against actions, principals and secrets', async () => {
  await runHere(machine, ['init'])
  const file = machine.file('policies', 'data.json')
  const principal = String(
    /principal = "(.*)"/.exec(readFileSync(machine.file('latchgate.toml'), 'utf8'))?.[1],
  )
  const write = (acl: object): void =>
    writeFileSync(file, JSON.stringify({ policy_version: 'x', acl }))
  const warnings = async (env = {}): Promise<readonly string[]> =>
    those((await doctor(env)).found, 'warn').filter((one) => /^(policy|secrets)/.test(one))

  write({})
  expect(await warnings()).toEqual([
    'policy/acl: it grants nothing: every call is denied',
    `policy/reach: '${principal}' reaches no action`,
  ])
  const fetch = { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] }
  write({ '*': fetch, [principal]: { allowed_actions: [], allowed_sinks: [] } })
  expect(await warnings()).toEqual([`policy/reach: '${principal}' reaches no action`])
  write({ [principal]: { ...fetch, allowed_sinks: [] } })
  expect(await warnings()).toEqual([`policy/reach: '${principal}' reaches no action`])
  write({ '*': { ...fetch, allowed_actions: ['http_fetch', 'http_fetsh'] } })
  expect(await warnings()).toEqual([
    "policy/unknown_actions: '*' is granted actions that do not exist: http_fetsh",
  ])
  write({ '*': { ...fetch, allowed_sinks: ['http_read', 'http_raed'] } })
  expect(await warnings()).toEqual([
    "policy/unknown_effects: '*' is granted effects that no action declares: http_raed",
  ])
  write({ [principal]: { allowed_actions: ['http_bearer_get'], allowed_sinks: ['http_read'] } })
  expect(await warnings()).toEqual([
    'secrets/API_BEARER_TOKEN: LATCHGATE_SECRET_API_BEARER_TOKEN is not set in this environment: http_bearer_get would be denied',
    'secrets/API_BEARER_TOKEN hosts: API_BEARER_TOKEN is bound to no host: http_bearer_get would be denied with it',
  ])
  appendFileSync(
    machine.file('latchgate.toml'),
    '[secrets.hosts]\nAPI_BEARER_TOKEN = ["api.example.com"]\nAPI_BEARER_TOKNE = ["x.example"]\n',
  )
  const secret = { LATCHGATE_SECRET_API_BEARER_TOKEN: 'a-secret-of-some-length' }
  expect(await warnings(secret)).toEqual([
    "secrets/API_BEARER_TOKNE hosts: `secrets.hosts.API_BEARER_TOKNE` binds a secret that no action takes with a caller's host",
  ])
  expect(JSON.stringify((await doctor(secret)).document)).not.toContain('a-secret-of-some-length')
  rmSync(file)
  expect(await warnings(secret)).toEqual([`policy/data: there is no ${file}: every call is denied`])
})

test('hosts that are led elsewhere are listed', async () => {
  await runHere(machine, ['init'])
  appendFileSync(
    machine.file('latchgate.toml'),
    'egress_insecure = true\n[egress.unsafe_resolve]\n"a.example:443" = "127.0.0.1:8443"\n',
  )
  const { found } = await doctor()
  expect(those(found, 'warn')).toContain(
    'configuration/unsafe_resolve: a.example:443 is led to 127.0.0.1:8443, past the rules for addresses and ports',
  )
})

test('without a configuration there is one error, and the way out of it', async () => {
  const { code, found } = await doctor()
  expect([code, found.filter(({ severity }) => severity === 'error')]).toEqual([
    1,
    [
      {
        section: 'configuration',
        check: 'loads',
        severity: 'error',
        message: `there is no configuration in or above ${machine.project}`,
        remedy: 'latchgate up',
      },
    ],
  ])
  expect(existsSync(machine.file())).toBe(false)
})

test('a finite address space is an error, as it is at start-up', async () => {
  stoppedProject()
  // Enough for the command itself, which starts no second instance of anything.
  const limited = ['bash', '-c', 'ulimit -v 900000000000 && exec "$@"', 'bash']
  const { code, stdout } = await machine.run(['doctor', '--json'], { under: limited })
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Finding[] }
  expect([code, those(checks, 'error')]).toEqual([
    1,
    [expect.stringMatching(/^process\/address_space: RLIMIT_AS is 921600000000000 bytes/)],
  ])
  const start = await machine.run(['serve'], { under: limited })
  expect(start.stderr).toContain('RLIMIT_AS is finite')
})

test('text of files reaches no terminal as it is', async () => {
  await runHere(machine, ['init'])
  const evil = '\u001b]0;evil\u0007\n✓  all is well'
  writeFileSync(machine.file('manifests', `${evil}.yaml`), 'nothing: [', { mode: 0o600 })
  const { code, stdout } = await runHere(machine, ['doctor'])
  expect([code, stdout.includes('\u001b'), stdout.includes('\n✓  all is well')]).toEqual([
    1,
    false,
    false,
  ])
})

/** Every file below a directory, with mode, times and contents. */
function everything(directory: string): readonly string[] {
  return (readdirSync(directory, { recursive: true }) as string[])
    .map((name) => {
      const path = join(directory, name)
      const stats = lstatSync(path)
      const bytes = stats.isFile() ? readFileSync(path) : ''
      const hash = createHash('sha256').update(bytes).digest('hex')
      return `${name} ${stats.mode} ${stats.mtimeMs} ${stats.ctimeMs} ${hash}`
    })
    .toSorted()
}
