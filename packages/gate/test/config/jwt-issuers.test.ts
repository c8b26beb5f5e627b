import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { parseConfig } from '../../src/config/load.js'
import { postureProblems } from '../../src/config/posture.js'
import type { GateConfig } from '../../src/config/schema.js'
import { issuerKeyFiles } from '../../src/config/start-files.js'

const AT = { root: '/r', env: {}, label: 'test' }
const TABLE = {
  issuer: 'https://issuer.example',
  audience: 'gate',
  algorithms: ['ES256'],
  jwks_file: 'keys.jwks',
}

function configOf(tables: readonly object[], more: object = {}): GateConfig {
  return parseConfig({ identity: { provider: 'peercred', jwt: [...tables] }, ...more }, AT)
}

/** What is wrong with the issuers, or with who agents are at all. */
function problemsOf(tables: readonly object[], more: object = {}): readonly string[] {
  const problems = postureProblems(configOf(tables, more), { uid: 1, addressSpaceLimit: null })
  return problems.filter((one) => one.startsWith('`identity.'))
}

function faultOf(table: object): string {
  try {
    configOf([table])
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('; ')
    throw error
  }
  return 'none'
}

test('a table has its defaults, and its file belongs to the directory of the configuration', () => {
  const config = configOf([TABLE])
  expect(config.identity.jwt).toEqual([
    { ...TABLE, jwks_file: '/r/keys.jwks', principal_claim: 'sub', scopes: ['tools:call'] },
  ])
  expect(issuerKeyFiles(config)).toEqual(['/r/keys.jwks'])
  expect(configOf([]).identity.jwt).toEqual([])
})

test('agents of an issuer need no mapped uid', () => {
  expect(problemsOf([])).toEqual([
    expect.stringContaining('`identity.peercred.principals` is empty'),
  ])
  expect(problemsOf([TABLE])).toEqual([])
})

describe('an algorithm', () => {
  test.each(['none', 'HS256', 'HS384', 'HS512', 'A128KW', 'RS1', 'es256', '', 7])(
    '%j is refused',
    (algorithm) => {
      expect(faultOf({ ...TABLE, algorithms: ['ES256', algorithm] })).toMatch(
        /^`identity\.jwt\.0\.algorithms\.1` must be one of ES256, /,
      )
    },
  )

  test('there must be one', () => {
    const message = '`identity.jwt.0.algorithms` must be a list of at least one algorithm'
    expect(faultOf({ ...TABLE, algorithms: [] })).toBe(message)
    const { algorithms: _none, ...without } = TABLE
    expect(faultOf(without)).toBe('`identity.jwt.0` needs the key `algorithms`')
  })
})

test.each<readonly [string, object, RegExp]>([
  ['a misspelt key', { audiance: 'x' }, /unknown key `identity\.jwt\.0\.audiance`; did you mean/],
  ['an empty issuer', { issuer: '' }, /issuer` must be 1 to 512 visible ASCII characters/],
  ['a space in its audience', { audience: 'a b' }, /audience` must be 1 to 512 visible/],
  ['an audience that is a list', { audience: ['a'] }, /audience` must be a text in quotes/],
  ['a claim without a name', { principal_claim: '' }, /principal_claim` must be 1 to 128/],
  ['an empty owner', { owner: '' }, /owner` must have a value/],
])('a table with %s is refused by its key', (_name, change, message) => {
  expect(faultOf({ ...TABLE, ...change })).toMatch(message)
})

describe('the keys of an issuer', () => {
  const { jwks_file: _file, ...bare } = TABLE
  const url = (text: string): readonly object[] => [{ ...bare, jwks_url: text }]

  test('come from one place', () => {
    const message = (found: string): string =>
      `\`identity.jwt.0\` ${found} of \`jwks_file\` and \`jwks_url\`: give it one of them`
    expect(problemsOf([bare])).toEqual([message('has neither')])
    expect(problemsOf([{ ...TABLE, jwks_url: 'https://x.example' }])).toEqual([message('has both')])
  })

  test.each([
    'https://issuer.example/keys',
    'https://10.0.0.1:8443/keys?tenant=1',
    'https://[::1]/',
  ])('may be behind %s', (text) => {
    expect(problemsOf(url(text))).toEqual([])
  })

  test.each(['http://127.0.0.1:8080/keys', 'http://[::1]/keys', 'http://localhost/keys'])(
    'may be behind %s only in a relaxed posture',
    (text) => {
      expect(problemsOf(url(text))).toEqual([
        `\`identity.jwt.0\`: the \`jwks_url\` '${text}' has no TLS, so that any process here could be ` +
          'the issuer: write https://… or set `[posture] identity_insecure = true`',
      ])
      expect(problemsOf(url(text), { posture: { identity_insecure: true } })).toEqual([])
    },
  )

  test.each([
    ['http://issuer.example/keys', /has no TLS, so that anybody on the way/],
    ['http://127.0.0.1.example/keys', /has no TLS, so that anybody on the way/],
    ['http://0.0.0.0/keys', /has no TLS, so that anybody on the way/],
    ['file:///etc/keys', /is no web address/],
    ['ftp://issuer.example', /is no web address/],
    ['issuer.example/keys', /is no URL/],
    ['https://user:hunter2@issuer.example/keys', /has a user, password or fragment/],
    ['https://issuer.example/keys#1', /has a user, password or fragment/],
  ])('are never behind %s', (text, message) => {
    const [problem, ...others] = problemsOf(url(text), { posture: { identity_insecure: true } })
    expect(problem).toMatch(message)
    expect(problem).not.toContain('hunter2')
    expect(others).toEqual([])
  })
})

test('two tables with one issuer and audience are refused: which rights would a token have?', () => {
  const other = { ...TABLE, audience: 'other' }
  const same = { ...TABLE, principal_claim: 'email' }
  expect(problemsOf([TABLE, other])).toEqual([])
  expect(problemsOf([TABLE, other, same])).toEqual([
    '`identity.jwt.2` and `identity.jwt.0` have the same issuer and audience: ' +
      'give one of them another audience or remove it',
  ])
})
