import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Manifest, resolveTarget } from '../src/index.js'
import { loadBuiltinManifests } from '../src/node/index.js'
import { templated } from './manifest-text.js'

const ANY = {}

/** Every kind of place at once. */
const all = templated(
  {
    method: 'POST',
    url_template: 'https://{{tenant}}.example.com:443/v1/{{id}}/{{path}}/end?fixed=1&in={{inline}}',
    path_params: ['path'],
    query: { q: '{{q}}', mixed: 'a{{q}}' },
    query_params: 'more',
    headers: { 'x-static': 'yes' },
    body_template: { text: '{{text}}', note: 'n {{q}}' },
  },
  { tenant: ANY, id: ANY, path: ANY, inline: ANY, q: ANY, more: { type: 'object' }, text: ANY },
  ['tenant', 'id', 'path', 'q'],
)

const form = templated(
  {
    method: 'POST',
    url_template: 'https://api.example.com/',
    body_template: { a: '{{a}}', b: 'fixed' },
    body_encoding: 'form',
  },
  { a: ANY },
  [],
)

const SIGNS = [
  '/',
  '\\',
  '?',
  '#',
  '&',
  '=',
  '@',
  ':',
  '.',
  '..',
  '%2e',
  '%2F',
  '%00',
  '+',
  ' ',
  ';',
]
const piece = fc.oneof(
  fc.constantFrom(...SIGNS, '\r', '\n', '\r\n', '\u0000', '\t', '\u2028', '\u200b', '\ud800', '😀'),
  fc.constantFrom(
    'evil.com',
    '//evil.com',
    'https://evil.com/',
    '{{q}}',
    '__proto__',
    'x-static: no',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const text = fc.array(piece, { maxLength: 5 }).map((parts) => parts.join(''))
const value: fc.Arbitrary<Json> = fc.oneof(
  { arbitrary: text, weight: 6 },
  fc.integer(),
  fc.boolean(),
  fc.jsonValue().map((one) => one as Json),
)
const tame = fc.constantFrom('a', 'a1', 'x-y', 'b/c')
const mostly = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: good, weight: 3 }, bad)

const args = fc.record(
  {
    tenant: mostly<Json>(fc.constantFrom('acme', 'a.b'), value),
    id: mostly<Json>(text, value),
    path: mostly<Json>(tame, value),
    inline: value,
    q: mostly<Json>(text, value),
    more: mostly<Json>(fc.dictionary(text, text, { maxKeys: 3 }), value),
    text: value,
  },
  { requiredKeys: ['tenant', 'id', 'path', 'q'] },
)

test('whatever the arguments are, only what the template leaves open is different', () => {
  let resolved = 0
  fc.assert(
    fc.property(args, (given) => {
      const target = resolveTarget(all, given as JsonObject)
      if (!target.ok) return
      resolved += 1
      const { method, url: href, headers, body } = target.value
      expect(method).toBe('POST')
      expect(headers).toEqual([
        ['accept', '*/*'],
        ['content-type', 'application/json'],
        ['user-agent', 'latchgate/0.3'],
        ['x-static', 'yes'],
      ])
      // Nothing that could end a line, or that a second parser could read in another way.
      expect(href).toMatch(/^[\x21-\x7e]+$/)
      const url = new URL(href)
      expect(url.href).toBe(href)
      expect(url.protocol + url.port + url.username + url.password + url.hash).toBe('https:')
      expect(url.hostname).toBe(`${String(given.tenant)}.example.com`.toLowerCase())
      const path = String(given.path).split('/')
      const segments = url.pathname.slice(1).split('/')
      expect(segments).toHaveLength(3 + path.length)
      expect(segments.map(decodeURIComponent)).toEqual(['v1', String(given.id), ...path, 'end'])
      expect([...url.searchParams]).toEqual(expectedPairs(given))
      const sent = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body ?? undefined))
      expect(Object.keys(sent)).toEqual('text' in given ? ['note', 'text'] : ['note'])
    }),
    { numRuns: 4000 },
  )
  expect(resolved).toBeGreaterThan(400)
})

test('a refusal names a parameter, or the URL as a whole', () => {
  const known = ['', ...Object.keys(all.io.request_schema?.['properties'] as JsonObject)]
  fc.assert(
    fc.property(args, (given) => {
      const target = resolveTarget(all, given as JsonObject)
      if (target.ok) return
      expect(known).toContain(target.error.path.split('/')[1] ?? '')
      expect(target.error.message).not.toBe('')
    }),
    { numRuns: 1000 },
  )
})

test('no value adds a field to a form', () => {
  let resolved = 0
  fc.assert(
    fc.property(value, (a) => {
      const target = resolveTarget(form, { a })
      if (!target.ok) return
      resolved += 1
      const pairs = [
        ...new URLSearchParams(new TextDecoder().decode(target.value.body ?? undefined)),
      ]
      const items = Array.isArray(a) ? a : [a]
      expect(pairs).toEqual([...items.map((one) => ['a', String(one)]), ['b', 'fixed']])
    }),
    { numRuns: 2000 },
  )
  expect(resolved).toBeGreaterThan(500)
})

/** Actions whose host the manifest names: nothing that an agent says may lead elsewhere. */
const fixed = loadBuiltinManifests().filter((one) => one.template?.url_template !== '{{url}}')

for (const manifest of fixed) {
  test(`no argument leads ${manifest.action_id} to another host, method or header`, () => {
    const names = Object.keys(manifest.io.request_schema?.['properties'] as JsonObject)
    const good = exampleArguments(manifest)
    const record = Object.fromEntries(
      names.map((one) => [one, mostly<Json>(fc.constant(good[one] ?? null), value)]),
    )
    const tame = exampleTarget(manifest)
    let resolved = 0
    fc.assert(
      fc.property(fc.record(record), (given) => {
        const target = resolveTarget(manifest, given as JsonObject)
        if (!target.ok) return
        resolved += 1
        const { origin, hostname } = new URL(target.value.url)
        expect(target.value.method).toBe(manifest.template?.method)
        expect(target.value.headers).toEqual(tame.headers)
        if (manifest.action_id === 'wikipedia_read') expect(hostname).toMatch(/\.wikipedia\.org$/)
        else expect(origin).toBe(new URL(tame.url).origin)
      }),
      { numRuns: 500 },
    )
    expect(resolved).toBeGreaterThan(0)
  })
}

function exampleArguments(manifest: Manifest): Readonly<Record<string, Json>> {
  const properties = manifest.io.request_schema?.['properties'] as Record<string, JsonObject>
  const given = Object.entries(properties).map(([name, one]) => {
    const [first] = (one['examples'] ?? one['enum'] ?? [one['default']]) as readonly Json[]
    return [name, first as Json] as const
  })
  return Object.fromEntries(given)
}

function exampleTarget(manifest: Manifest): { readonly url: string; readonly headers: unknown } {
  const target = resolveTarget(manifest, exampleArguments(manifest))
  if (!target.ok) throw new Error(`${target.error.path} ${target.error.message}`)
  return target.value
}

function expectedPairs(given: Readonly<Record<string, Json>>): readonly (readonly string[])[] {
  const list = (one: Json | undefined): readonly Json[] =>
    one === undefined ? [] : Array.isArray(one) ? (one as readonly Json[]) : [one]
  return [
    ['fixed', '1'],
    ...list(given['inline']).map((one) => ['in', String(one)]),
    ['mixed', `a${String(given['q'])}`],
    ...list(given['q']).map((one) => ['q', String(one)]),
    ...Object.entries((given['more'] ?? {}) as JsonObject).flatMap(([name, one]) =>
      list(one).map((item) => [name, String(item)]),
    ),
  ]
}
