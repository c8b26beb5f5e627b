import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseKey, withoutSecrets } from '../src/config-view.js'
import { Machine } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'
import { jsonHere, runHere } from './in-process.js'

let machine: Machine

beforeEach(async () => {
  machine = new Machine()
  await runHere(machine, ['init'])
})

afterEach(async () => {
  await machine.remove()
})

test('config get shows a list of tables table by table', async () => {
  const table = (audience: string): string =>
    `[[identity.jwt]]\nissuer = "https://issuer.example"\naudience = "${audience}"\n` +
    'jwks_file = "/issuer.jwks"\nalgorithms = ["ES256"]\n'
  appendFileSync(machine.file('latchgate.toml'), `\n${table('one')}${table('two')}`)
  const { stdout } = await runHere(machine, ['config', 'get', 'identity.jwt'])
  const shown = (audience: string): string =>
    `issuer = "https://issuer.example"\naudience = "${audience}"\njwks_file = "/issuer.jwks"\n` +
    'algorithms = [ "ES256" ]\nprincipal_claim = "sub"\nscopes = [ "tools:call" ]\n'
  expect(stdout).toBe(`${shown('one')}\n${shown('two')}\n`)
})

test('path prints the file alone, so that it can be handed on', async () => {
  const file = machine.file('latchgate.toml')
  expect(await runHere(machine, ['config', 'path'])).toEqual({
    code: 0,
    stdout: `${file}\n`,
    stderr: '',
  })
  const { document } = await jsonHere(machine, ['config', 'path'])
  expect(document).toEqual({ source: `project (${file})`, config_file: file })
  expect(shapeOf(document)).toEqual(shapeOf(documentedJson('config path')))
  const outside = await jsonHere(machine, ['config', 'path'], { cwd: machine.temp.path })
  expect(outside).toEqual({
    code: 0,
    document: { source: 'defaults (no config file)', config_file: null },
  })
})

test('path names a file that cannot be used, too', async () => {
  machine.prependConfig('this is no TOML')
  const { code, stdout } = await runHere(machine, ['config', 'path'])
  expect([code, stdout]).toEqual([0, `${machine.file('latchgate.toml')}\n`])
})

test('get prints what is in effect: environment over file over default', async () => {
  const get = async (key: string, env = {}): Promise<string> =>
    (await runHere(machine, ['config', 'get', key], { env })).stdout
  expect(await get('ledger_db_path')).toBe(`${machine.file('data', 'audit.db')}\n`)
  expect(await get('lease_ttl_seconds')).toBe('300\n')
  expect(await get('lease_ttl_seconds', { LATCHGATE_LEASE_TTL_SECONDS: '60' })).toBe('60\n')
  expect(await get('limits')).toBe(
    'max_in_flight = 256\nmax_in_flight_per_principal = 64\nqueue_ms = 2000\n',
  )
  const uid = String(process.getuid?.())
  expect(await get(`identity.peercred.principals.${uid}.scopes`)).toBe('tools:call\n')
  const { document } = await jsonHere(machine, ['config', 'get', 'rate_limits.lease_rps'])
  expect(document).toEqual(documentedJson('config get'))
})

test('a part of a key that has dots in it stands in quotes', async () => {
  appendFileSync(
    machine.file('latchgate.toml'),
    'egress_insecure = true\n[egress.unsafe_resolve]\n"a.example:443" = "127.0.0.1:1"\n',
  )
  const key = 'egress.unsafe_resolve."a.example:443"'
  expect((await runHere(machine, ['config', 'get', key])).stdout).toBe('127.0.0.1:1\n')
  expect(parseKey(key)).toEqual(['egress', 'unsafe_resolve', 'a.example:443'])
  for (const bad of ['', 'a.', '.a', 'a..b', 'a b', '"a', 'a"b"']) {
    expect([bad, parseKey(bad)]).toEqual([bad, null])
  }
})

test('no form of get shows an API key', async () => {
  const key = String(
    /api_key = "(.*)"/.exec(readFileSync(machine.file('latchgate.toml'), 'utf8'))?.[1],
  )
  for (const argv of [[], ['operator_credentials'], ['operator_credentials.operator.api_key']]) {
    for (const json of [[], ['--json']]) {
      const { code, stdout } = await runHere(machine, ['config', 'get', ...argv, ...json])
      expect(code).toBe(0)
      expect(stdout).toContain('[set]')
      expect(stdout).not.toContain(key)
    }
  }
  expect(withoutSecrets({ url: 'redis://u:pw@h/1', webhook: [{ secret: 's' }], n: 1 })).toEqual({
    url: 'redis://u:[set]@h/1',
    webhook: [{ secret: '[set]' }],
    n: 1,
  })
})

test('a key that does not exist is 2, with the keys there are and the one that was meant', async () => {
  expect(await jsonHere(machine, ['config', 'get', 'rate_limits.lease_rsp'])).toEqual({
    code: 2,
    document: {
      ok: false,
      error: 'there is no key `rate_limits.lease_rsp`',
      code: 'not_found',
      hint: 'did you mean rate_limits.lease_rps?',
      key: 'rate_limits.lease_rsp',
      available_keys: [
        'rate_limits.execute_rps_anonymous',
        'rate_limits.execute_rps_per_principal',
        'rate_limits.execute_rps_per_session',
        'rate_limits.lease_rps',
        'rate_limits.operator_read_rps',
        'rate_limits.operator_write_rps',
      ],
    },
  })
  const unset = await jsonHere(machine, ['config', 'get', 'listen_http_addr'])
  expect([unset.code, unset.document['error']]).toEqual([2, '`listen_http_addr` is not set'])
  for (const key of ['', 'toString', '__proto__.x', 'gate_name.x', 'a..b']) {
    expect([key, (await jsonHere(machine, ['config', 'get', key])).code]).toEqual([key, 2])
  }
})

test('validate lists every check, and passes a new project', async () => {
  const { code, document } = await jsonHere(machine, ['config', 'validate'])
  const checks = document['checks'] as readonly { check: string; status: string }[]
  expect([code, document['ok'], document['mode'], document['failed']]).toEqual([
    0,
    true,
    'relaxed',
    0,
  ])
  expect(document['passed']).toBe(checks.length)
  const sections = new Set(checks.map(({ check }) => String(check.split('/')[0])))
  expect(sections).toEqual(
    new Set([
      'actions',
      'configuration',
      'keys',
      'ledger',
      'permissions',
      'policy',
      'secrets',
      'sockets',
    ]),
  )
})

test('validate fails on the configuration and on its files, each with a remedy', async () => {
  machine.prependConfig('listen_http_addr = "127.0.0.1:1"')
  writeFileSync(machine.file('policies', 'data.json'), '{"acl": {}}')
  chmodSync(machine.file('manifests'), 0o777)
  const { code, document } = await jsonHere(machine, ['config', 'validate'])
  const failed = (document['checks'] as readonly Record<string, string>[]).filter(
    ({ status }) => status === 'fail',
  )
  expect([code, document['ok'], document['failed']]).toEqual([1, false, 3])
  expect(failed).toEqual([
    {
      check: 'configuration/listeners',
      status: 'fail',
      error: '`listen_http_addr` opens a plain TCP port',
      remedy: 'set `unsafe_expose_http = true` or drop it',
    },
    {
      check: 'permissions/writable',
      status: 'fail',
      error: `${machine.file('manifests')} has mode 0777 and can be written by others`,
      remedy: `run \`chmod go-w ${machine.file('manifests')}\``,
    },
    {
      check: 'policy/data',
      status: 'fail',
      error: expect.stringContaining('`policy_version` is missing') as string,
      remedy: expect.stringContaining('name this version of the rights') as string,
    },
  ])
  const documented = documentedJson('config validate')
  expect(shapeOf({ ...document, checks: [] })).toEqual(shapeOf({ ...documented, checks: [] }))
  const failing = (documented['checks'] as readonly unknown[])[1]
  expect(shapeOf(failed[0])).toEqual(shapeOf(failing))
})

test('validate of a file that cannot be read as a configuration says what is wrong with it', async () => {
  machine.prependConfig('listen_uds_pth = "x"')
  const { code, document } = await jsonHere(machine, ['config', 'validate'])
  expect([code, document['mode'], document['failed']]).toEqual([1, null, 1])
  const { stdout } = await runHere(machine, ['config', 'validate'])
  expect(stdout).toContain(
    '✗  configuration/loads  unknown key `listen_uds_pth`; did you mean `listen_uds_path`?\n',
  )
})
