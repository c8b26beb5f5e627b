import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.js'
import { type ProcessFacts, postureProblems } from '../../src/config/posture.js'

const facts: ProcessFacts = { uid: 1000, addressSpaceLimit: null }
const operator = {
  alice: {
    api_key: 'key-alice-0123456789abcdef',
    dpop_jkt: 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
  },
}
const sound = {
  receipt_signing_key_path: 'r',
  receipt_keys_jwks_path: 'j',
  log_signing_key_path: 'l',
  lease_signing_key_path: 'e',
  operator_credentials: operator,
  identity: {
    provider: 'peercred',
    peercred: { principals: { '1001': { principal: 'agent' } } },
  },
}

function problems(change: Record<string, unknown>, given = facts): readonly string[] {
  const merged = Object.fromEntries(
    Object.entries({ ...sound, ...change }).filter(([, value]) => value !== undefined),
  )
  const config = parseConfig(merged, { root: '/r', env: {}, label: 'test' })
  return postureProblems(config, given)
}

test('a sound configuration has no problem', () => {
  expect(problems({})).toEqual([])
})

type Case = readonly [string, Record<string, unknown>, RegExp, string | null]

const CASES: readonly Case[] = [
  ['TCP without the switch', { listen_http_addr: '127.0.0.1:3000' }, /unsafe_expose_http/, null],
  [
    'plain TCP beyond the machine',
    { listen_http_addr: '0.0.0.0:3000', unsafe_expose_http: true },
    /transport_insecure/,
    'transport_insecure',
  ],
  ['a malformed address', { listen_http_addr: 'localhost:1' }, /must be ip:port/, null],
  ['a malformed base', { public_base_url: 'gate' }, /public_base_url/, null],
  ['no operator', { operator_credentials: {} }, /operator_auth_insecure/, 'operator_auth_insecure'],
  [
    'an operator without a bound key',
    { operator_credentials: { bob: { api_key: 'key-bob-0123456789abcdef' } } },
    /operator_credentials\.bob\.dpop_jkt/,
    'operator_auth_insecure',
  ],
  [
    'two operators with one key',
    { operator_credentials: { ...operator, bob: { ...operator.alice, dpop_jkt: 'b'.repeat(43) } } },
    /share an `api_key`/,
    'operator_auth_insecure',
  ],
  [
    'one operator key under two names',
    {
      operator_credentials: {
        ...operator,
        bob: { ...operator.alice, api_key: 'key-bob-0123456789' },
      },
    },
    /share a `dpop_jkt`/,
    'operator_auth_insecure',
  ],
  ['no identity', { identity: { provider: 'none' } }, /authenticates nobody/, 'identity_insecure'],
  [
    'unmapped uids',
    {
      identity: {
        ...sound.identity,
        peercred: { ...sound.identity.peercred, allow_unmapped: true },
      },
    },
    /allow_unmapped/,
    'identity_insecure',
  ],
  [
    'an empty map',
    { identity: { provider: 'peercred' } },
    /principals` is empty/,
    'identity_insecure',
  ],
  [
    "the gate's own uid",
    {
      identity: { provider: 'peercred', peercred: { principals: { '1000': { principal: 'me' } } } },
    },
    /not separated/,
    'identity_insecure',
  ],
  ...(
    [
      'receipt_signing_key_path',
      'receipt_keys_jwks_path',
      'log_signing_key_path',
      'lease_signing_key_path',
    ] as const
  ).map(
    (key): Case => [
      `no ${key}`,
      { [key]: undefined },
      new RegExp(`^\`${key}\` is missing: .*signing_insecure`),
      'signing_insecure',
    ],
  ),
  [
    'admin TCP without the switch',
    { listen_admin_http_addr: '127.0.0.1:3001' },
    /^`listen_admin_http_addr` .*unsafe_expose_http/,
    null,
  ],
  [
    'plain admin TCP beyond the machine',
    { listen_admin_http_addr: '[::]:3001', unsafe_expose_http: true },
    /^`listen_admin_http_addr` .*transport_insecure/,
    'transport_insecure',
  ],
  [
    'unsafe_resolve',
    { egress: { unsafe_resolve: { 'api.github.com:443': '127.0.0.1:1' } } },
    /egress_insecure/,
    'egress_insecure',
  ],
]

test.each(CASES)('%s is refused, and the message names the key', (_name, change, message) => {
  const found = problems(change)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(message)
})

test.each(CASES.filter(([, , , flag]) => flag !== null))(
  '%s is admitted by its own flag and by no other',
  (_name, change, _message, flag) => {
    for (const one of [
      'identity_insecure',
      'signing_insecure',
      'operator_auth_insecure',
      'egress_insecure',
      'acl_insecure',
      'transport_insecure',
    ]) {
      const found = problems({ ...change, posture: { [one]: true } })
      expect(found.length, one).toBe(one === flag ? 0 : 1)
    }
  },
)

test('a malformed unsafe_resolve is refused even with its flag', () => {
  const egress = { unsafe_resolve: { 'api.github.com': '127.0.0.1' } }
  expect(problems({ egress, posture: { egress_insecure: true } })[0]).toMatch(/use host:port/)
})

test('a finite address space is refused', () => {
  expect(problems({}, { ...facts, addressSpaceLimit: 1e9 })[0]).toMatch(/ulimit -v unlimited/)
})
