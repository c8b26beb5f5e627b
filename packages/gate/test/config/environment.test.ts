import { expect, test } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { applyEnvironment } from '../../src/config/environment.js'
import { parseConfig } from '../../src/config/load.js'
import { ENVIRONMENT_KEYS, type GateConfig } from '../../src/config/schema.js'

function overridden(
  env: Readonly<Record<string, string>>,
  raw: Record<string, unknown> = {},
): GateConfig {
  applyEnvironment(raw, env)
  return parseConfig(raw, { root: '/srv', env: {}, label: 'test' })
}

/** What a variable is set to, where it may not be any text, and what that becomes. */
const VALUES: Readonly<Record<string, readonly [string, unknown]>> = {
  log_level: ['DEBUG', 'debug'],
  log_format: ['Json', 'json'],
  listen_http_addr: ['127.0.0.1:1', '127.0.0.1:1'],
  listen_admin_http_addr: ['127.0.0.1:2', '127.0.0.1:2'],
  unsafe_expose_http: ['1', true],
  lease_ttl_seconds: ['90', 90],
  gate_name: ['from-environment', 'from-environment'],
  public_base_url: ['https://gate.example', 'https://gate.example'],
}

test.each(Object.entries(ENVIRONMENT_KEYS))('%s overrides %s of the file', (name, key) => {
  const [value, expected] = VALUES[key] ?? ['from/environment', '/srv/from/environment']
  const inFile = typeof expected === 'string' ? 'info' : expected === true ? false : 60
  const file = { [key]: key === 'log_format' ? 'pretty' : inFile }
  expect(overridden({ [name]: value }, file)[key as keyof GateConfig]).toEqual(expected)
})

test('an empty variable unsets the key of the file', () => {
  expect(overridden({ LATCHGATE_LEASE_TTL_SECONDS: '' }, { lease_ttl_seconds: 60 })).toMatchObject({
    lease_ttl_seconds: 300,
  })
})

test.each([
  ['LATCHGATE_UNSAFE_EXPOSE_HTTP', 'yes', 'expected true, false, 1 or 0'],
  ['LATCHGATE_UNSAFE_EXPOSE_HTTP', ' true', 'expected true, false, 1 or 0'],
  ['LATCHGATE_LEASE_TTL_SECONDS', '60s', 'expected a whole number of seconds'],
  ['LATCHGATE_LEASE_TTL_SECONDS', '-1', 'expected a whole number of seconds'],
])('%s=%j is an error that names it', (name, value, reason) => {
  expect(problemsOf({ [name]: value })).toEqual([
    `invalid value for environment variable ${name}="${value}": ${reason}`,
  ])
})

test('a variable that is nearly one of ours is a slip, and named with the right one', () => {
  expect(problemsOf({ LATCHGATE_LOG_LEVL: 'debug' })).toEqual([
    'unknown environment variable LATCHGATE_LOG_LEVL; did you mean LATCHGATE_LOG_LEVEL?',
  ])
  expect(problemsOf({ LATCHGATE_LEDGER_DB_PAHT: 'x', LATCHGATE_CONFG: 'y' })).toHaveLength(2)
})

test('names of secrets, of services and of other programs are nobody’s slip', () => {
  const env = {
    LATCHGATE_SECRET_GITHUB_TOKEN: 'x',
    LATCHGATE_PORT_3000_TCP: 'tcp://10.0.0.1:3000',
    LATCHGATE_SERVICE_HOST: '10.0.0.1',
    LATCHGATE_URL: 'http://localhost:1',
    LATCHGATE_OPERATOR_KEY: 'k',
    LOG_LEVL: 'x',
  }
  expect(problemsOf(env)).toEqual([])
})

test('the operator of the environment replaces `platform` of the file, and leaves the others', () => {
  const jkt = 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U'
  const file = {
    operator_credentials: {
      platform: { api_key: 'key-of-the-file-0123456789' },
      alice: { api_key: 'key-alice-0123456789abcdef' },
    },
  }
  const env = {
    LATCHGATE_OPERATOR_API_KEY: 'key-platform-0123456789',
    LATCHGATE_OPERATOR_DPOP_JKT: jkt,
  }
  expect(overridden(env, file).operator_credentials).toEqual({
    platform: { api_key: 'key-platform-0123456789', dpop_jkt: jkt },
    alice: { api_key: 'key-alice-0123456789abcdef' },
  })
})

function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    applyEnvironment({}, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
