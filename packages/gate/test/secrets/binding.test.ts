import type { SecretBinding, Target } from '@latchgate/catalogue'
import { expect, test } from 'vitest'
import { type BindingRules, checkBindings } from '../../src/secrets/binding.js'

const target = (url: string): Target => ({ method: 'GET', url, headers: [], body: null })
const binding = (to: readonly string[] | null, name = 'TOKEN'): SecretBinding => ({
  name,
  required: true,
  inject: { kind: 'header', header: 'authorization', format: 'Bearer {}' },
  to,
})
const rules = (change: Partial<BindingRules> = {}): BindingRules => ({
  hosts: {},
  unsafeResolve: {},
  ...change,
})
const NOT_BOUND = { ok: false, error: { reason: 'secret_not_bound_to_host' } }
const OK = { ok: true, value: undefined }

test('a call without secrets needs no binding', () => {
  expect(checkBindings(target('http://anything.example/'), [], rules())).toEqual(OK)
})

test.each([
  ['https://api.example.com/x', true],
  ['https://api.example.com:443/x', true],
  ['https://API.example.com/x', true],
  ['https://api.example.com:8443/x', false],
  ['http://api.example.com/x', false],
  ['https://example.com/x', false],
  ['https://sub.api.example.com/x', false],
  ['https://api.example.com.evil.example/x', false],
  ['https://api.example.com@evil.example/x', false],
  ['https://evil.example/https://api.example.com', false],
  ['https://api.example.com./x', false],
])('`to` is exact origins: %s → %s', (url, allowed) => {
  const found = checkBindings(target(url), [binding(['https://api.example.com'])], rules())
  if (allowed) expect(found).toEqual(OK)
  else expect(found).toMatchObject(NOT_BOUND)
})

test.each([
  ['https://api.example.com/x', ['api.example.com'], true],
  ['https://api.example.com/x', ['api.example.com:443'], true],
  ['https://api.example.com:8443/x', ['api.example.com:8443'], true],
  ['https://api.example.com:8443/x', ['api.example.com'], false],
  ['https://sub.api.example.com/x', ['api.example.com'], false],
  ['https://sub.api.example.com/x', ['*.api.example.com'], false],
  ['https://evil.example/x', ['*'], false],
  ['https://api.example.com/x', [], false],
])('[secrets.hosts] is the host itself: %s with %j → %s', (url, hosts, allowed) => {
  const found = checkBindings(target(url), [binding(null)], rules({ hosts: { TOKEN: hosts } }))
  if (allowed) expect(found).toEqual(OK)
  else expect(found).toMatchObject(NOT_BOUND)
})

test('a caller-chosen host without a binding is refused, and the detail says what to configure', () => {
  expect(checkBindings(target('https://api.example.com/'), [binding(null)], rules())).toEqual({
    ok: false,
    error: {
      reason: 'secret_not_bound_to_host',
      detail:
        'TOKEN may not be sent to api.example.com: the operator binds it in the configuration ' +
        'with [secrets.hosts] TOKEN = ["api.example.com"]',
    },
  })
})

test('[secrets.hosts] does not widen what a manifest binds, nor the binding of another secret', () => {
  const hosts = { TOKEN: ['evil.example'], OTHER: ['api.example.com'] }
  const fixed = binding(['https://api.example.com'])
  expect(checkBindings(target('https://evil.example/'), [fixed], rules({ hosts }))).toMatchObject(
    NOT_BOUND,
  )
  const free = binding(null)
  expect(checkBindings(target('https://api.example.com/'), [free], rules({ hosts }))).toMatchObject(
    NOT_BOUND,
  )
})

test('every secret of the call must be bound, not one of them', () => {
  const both = [binding(null, 'FIRST'), binding(null, 'SECOND')]
  const found = checkBindings(
    target('https://api.example.com/'),
    both,
    rules({ hosts: { FIRST: ['api.example.com'] } }),
  )
  expect(found).toMatchObject({ error: { detail: expect.stringContaining('SECOND may not') } })
})

test.each(['constructor', '__proto__', 'toString'])(
  'a secret named %s is bound by nothing',
  (name) => {
    expect(
      checkBindings(target('https://api.example.com/'), [binding(null, name)], rules()),
    ).toMatchObject(NOT_BOUND)
  },
)

test('a bound secret goes over TLS, or to a target that the operator named as unsafe', () => {
  const hosts = { TOKEN: ['api.example.com'] }
  const to = target('http://api.example.com/')
  expect(checkBindings(to, [binding(null)], rules({ hosts }))).toEqual({
    ok: false,
    error: {
      reason: 'secret_requires_tls',
      detail: 'a secret is sent over https only, and the target is http://api.example.com',
    },
  })
  const unsafeResolve = { 'api.example.com:80': '127.0.0.1:8080' }
  expect(checkBindings(to, [binding(null)], rules({ hosts, unsafeResolve }))).toEqual(OK)
  const another = { 'api.example.com:443': '127.0.0.1:8080' }
  expect(
    checkBindings(to, [binding(null)], rules({ hosts, unsafeResolve: another })),
  ).toMatchObject({ ok: false, error: { reason: 'secret_requires_tls' } })
})
