import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { findConfigFile, loadConfig, parseConfig } from '../../src/config/load.js'

const at = { root: '/srv/latchgate', env: {}, label: 'test' }

function problemsOf(document: Record<string, unknown>): readonly string[] {
  try {
    parseConfig(document, at)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function emptyDirectory(): string {
  const directory = tempDir()
  onTestFinished(() => directory.remove())
  return directory.path
}

test('an unknown key is an error that suggests the nearest known one', () => {
  expect(problemsOf({ listen_uds_pth: '/x' })).toEqual([
    'unknown key `listen_uds_pth`; did you mean `listen_uds_path`?',
  ])
  expect(problemsOf({ posture: { identity_insecur: true } })).toEqual([
    'unknown key `posture.identity_insecur`; did you mean `identity_insecure`?',
  ])
})

test('a key of the reference whose feature does not exist here is unknown, not ignored', () => {
  expect(problemsOf({ redis_url: 'redis://x' })[0]).toMatch(/^unknown key `redis_url`/)
})

test('wrong types and values name the key', () => {
  expect(problemsOf({ lease_ttl_seconds: 0 })).toEqual(['`lease_ttl_seconds` must be >= 1'])
  expect(problemsOf({ lease_ttl_seconds: 3601 })).toEqual(['`lease_ttl_seconds` must be <= 3600'])
  expect(problemsOf({ log_level: 'loud' })[0]).toMatch(/^`log_level` must be one of fatal, error/)
  expect(problemsOf({ unsafe_expose_http: 'yes' })).toEqual([
    '`unsafe_expose_http` must be true or false',
  ])
  expect(problemsOf({ identity: { peercred: { principals: { '1001': {} } } } })).toEqual([
    '`identity.peercred.principals.1001` needs the key `principal`',
  ])
})

test('what a value must be is said in words, and the value is not repeated', () => {
  const credentials = (api_key: string, dpop_jkt?: string): Record<string, unknown> => ({
    operator_credentials: { a: { api_key, ...(dpop_jkt === undefined ? {} : { dpop_jkt }) } },
  })
  for (const [document, problem] of [
    [
      { gate_name: 'a b' },
      '`gate_name` must be at most 128 letters, digits, `.`, `_`, `/`, `-`, and begin with a letter or digit',
    ],
    [{ ledger_db_path: '' }, '`ledger_db_path` must have a value: it is empty'],
    [{ ledger_db_path: 3 }, '`ledger_db_path` must be a text in quotes'],
    [{ lease_ttl_seconds: 1.5 }, '`lease_ttl_seconds` must be a whole number'],
    [{ secrets: { hosts: { A: 'x' } } }, '`secrets.hosts.A` must be a list'],
    [{ posture: true }, '`posture` must be a table'],
    [
      { secrets: { env_prefix: 'x' } },
      '`secrets.env_prefix` must be 4 to 64 capital letters, digits and `_`',
    ],
    [credentials('hunter2'), '`operator_credentials.a.api_key` must have at least 16 characters'],
    [
      credentials('hunter2 hunter2 hunter2'),
      '`operator_credentials.a.api_key` must be visible ASCII characters without spaces',
    ],
    [
      credentials('hunter2-hunter2-hunter2', 'short'),
      '`operator_credentials.a.dpop_jkt` must be a SHA-256 thumbprint: 43 characters of base64url',
    ],
    [
      { identity: { peercred: { principals: { alice: { principal: 'a' } } } } },
      '`identity.peercred.principals.alice`: the key must be a uid in digits',
    ],
    [
      { identity: { peercred: { principals: { '1': { principal: 'a b' } } } } },
      '`identity.peercred.principals.1.principal` must be at most 128 letters, digits, `.`, `_`, `:`, `@`, `-`',
    ],
    [
      { egress: { unsafe_resolve: { 'a/b~c': 1 } } },
      '`egress.unsafe_resolve.a/b~c` must be a text in quotes',
    ],
  ] as const) {
    expect(problemsOf(document)).toEqual([problem])
  }
})

test('broken TOML is located, and a file that cannot be read says why', () => {
  const root = emptyDirectory()
  const file = join(root, 'latchgate.toml')
  writeFileSync(file, 'log_level = "info"\nlease_ttl_seconds = soon\n')
  expect(() => loadConfig(file, { env: {}, cwd: root })).toThrow(
    new RegExp(`^failed to parse config: ${file}: line 2, column \\d+: [^\n]+$`),
  )
  expect(() => loadConfig(root, { env: {}, cwd: root })).toThrow(
    `failed to read config file '${root}': EISDIR: illegal operation on a directory, read`,
  )
})

test("a file that somebody else put above is not used, unless it is root's or named", () => {
  const root = emptyDirectory()
  mkdirSync(join(root, '.latchgate'))
  const file = join(root, '.latchgate', 'latchgate.toml')
  writeFileSync(file, '')
  const owner = statSync(file).uid
  const somebodyElse = owner + 1
  const found = (uid: number): string => loadConfig(undefined, { env: {}, cwd: root, uid }).source
  expect(found(owner)).toBe(`project (${file})`)
  if (owner === 0) expect(found(somebodyElse)).toBe(`project (${file})`)
  else {
    expect(() => found(somebodyElse)).toThrow(
      `it belongs to uid ${owner}, and this is uid ${somebodyElse}; if you trust it, name it with --config`,
    )
  }
  if (owner === 0) {
    chownSync(file, 12_345, 12_345)
    expect(() => found(0)).toThrow('it belongs to uid 12345, and this is uid 0')
    expect(loadConfig(file, { env: {}, cwd: root, uid: 0 }).source).toBe(`explicit (${file})`)
  }
})

test('a posture table with one key leaves the other flags false', () => {
  const { posture } = parseConfig({ posture: { identity_insecure: true } }, at)
  expect(posture).toEqual({
    identity_insecure: true,
    signing_insecure: false,
    operator_auth_insecure: false,
    egress_insecure: false,
    acl_insecure: false,
    transport_insecure: false,
  })
})

test('a mapped principal without scopes gets the base scope, with an empty list none', () => {
  const principals = { '1001': { principal: 'a' }, '1002': { principal: 'b', scopes: [] } }
  const config = parseConfig({ identity: { provider: 'peercred', peercred: { principals } } }, at)
  expect(config.identity.peercred.principals['1001']?.scopes).toEqual(['tools:call'])
  expect(config.identity.peercred.principals['1002']?.scopes).toEqual([])
})

test('relative paths belong to the directory of the file', () => {
  const config = parseConfig({ ledger_db_path: 'd/a.db', egress: { extra_ca_file: 'ca.pem' } }, at)
  expect(config.ledger_db_path).toBe('/srv/latchgate/d/a.db')
  expect(config.egress.extra_ca_file).toBe('/srv/latchgate/ca.pem')
  expect(config.manifests_dir).toBe('/srv/latchgate/manifests')
})

test('the environment overrides the file, and an unparsable variable is an error', () => {
  const root = emptyDirectory()
  mkdirSync(join(root, '.latchgate'))
  writeFileSync(join(root, '.latchgate', 'latchgate.toml'), 'lease_ttl_seconds = 60\n')
  const load = (env: Record<string, string>): number =>
    loadConfig(undefined, { env, cwd: root }).config.lease_ttl_seconds
  expect(load({})).toBe(60)
  expect(load({ LATCHGATE_LEASE_TTL_SECONDS: '90' })).toBe(90)
  expect(() => load({ LATCHGATE_LEASE_TTL_SECONDS: 'soon' })).toThrow(
    /invalid value for environment variable LATCHGATE_LEASE_TTL_SECONDS="soon"/,
  )
  expect(() => load({ LATCHGATE_UNSAFE_EXPOSE_HTTP: 'yes' })).toThrow(
    /expected true, false, 1 or 0/,
  )
})

test('the operator of the environment joins those of the file', () => {
  const root = emptyDirectory()
  const env = {
    LATCHGATE_OPERATOR_API_KEY: 'key-platform-0123456789',
    LATCHGATE_OPERATOR_DPOP_JKT: 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
  }
  const { config } = loadConfig(undefined, { env, cwd: root })
  expect(config.operator_credentials['platform']).toEqual({
    api_key: 'key-platform-0123456789',
    dpop_jkt: 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
  })
})

test('the project file is found from a directory below it, and a named file must exist', () => {
  const root = emptyDirectory()
  mkdirSync(join(root, '.latchgate'))
  mkdirSync(join(root, 'a', 'b'), { recursive: true })
  const file = join(root, '.latchgate', 'latchgate.toml')
  writeFileSync(file, '')
  expect(findConfigFile(undefined, { env: {}, cwd: join(root, 'a', 'b') }).file).toBe(file)
  expect(() => loadConfig('/nowhere.toml', { env: {}, cwd: root })).toThrow(/failed to read config/)
})
