import { canonicalBytes, type Json, type JsonObject } from '@latchgate/protocol'
import { digest, digestBytes } from '@latchgate/protocol/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Manifest, normalizedManifest, parseManifest, resolveTarget } from '../src/index.js'
import { loadBuiltinManifests } from '../src/node/index.js'
import { manifest, PLAIN, PROVIDERS } from './manifest-text.js'

/** Every kind of thing that a manifest can say. */
const FULL: JsonObject = {
  ...PLAIN,
  description: 'Writes a ticket.',
  risk_level: 'high',
  declared_side_effects: ['http_write'],
  verification_config: { expected_status: [201], required_fields: ['id'] },
  resource_limits: { fuel: 5_000_000, timeout_seconds: 10 },
  required_scopes: ['tools:call', 'tickets:write'],
  tags: ['team'],
  secrets: [
    { name: 'TOKEN', required: true, inject: { header: 'authorization', format: 'Bearer {}' } },
  ],
  template: {
    method: 'POST',
    url_template: 'https://tickets.example.com/api/{{id}}/x',
    query: { b: '2', a: '1' },
    query_params: 'more',
    headers: { 'X-B': 'b', accept: 'text/plain' },
    body_template: { z: '{{text}}', a: 1 },
  },
  io: {
    request_schema: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'text'],
      properties: {
        id: { type: 'string', maxLength: 5 },
        text: { type: 'string' },
        more: { type: 'object' },
      },
    },
    response_schema: { type: 'object', required: ['ok'], properties: { ok: { type: 'boolean' } } },
  },
}

/** What each change says that `FULL` does not; no two of them may share a digest. */
const CHANGES: Readonly<Record<string, JsonObject>> = {
  action_id: { action_id: 'other' },
  version: { version: '1.0.1' },
  description: { description: 'Writes tickets.' },
  provider: { provider_module_digest: `sha256:${'a'.repeat(64)}` },
  imports: { required_imports: ['latchgate:io/http'] },
  'the risk': { risk_level: 'critical' },
  'the effect': { declared_side_effects: ['http_delete'] },
  'a scope': { required_scopes: ['tools:call'] },
  'a cost': { cost_usd_cents: 1 },
  'another cost': { cost_usd_cents: 2 },
  'a tag': { tags: ['agent'] },
  'a status': within('verification_config', { expected_status: [200, 201] }),
  'a required field': within('verification_config', { required_fields: ['id', 'url'] }),
  fuel: within('resource_limits', { fuel: 5_000_001 }),
  'a time-out': within('resource_limits', { timeout_seconds: 11 }),
  memory: within('resource_limits', { memory_mb: 65 }),
  'a number of calls': within('resource_limits', { max_io_calls: 11 }),
  'a response cap': within('resource_limits', { max_host_response_bytes: 9 }),
  'a domain': {
    egress: { profile: 'proxy_allowlist', allowed_domains: ['tickets.example.com', 'b.com'] },
  },
  'an exact domain': {
    egress: { profile: 'proxy_allowlist', allowed_domains: ['=tickets.example.com'] },
  },
  'an optional secret': secret({ required: false }),
  'the name of a secret': secret({ name: 'TOKEN_2' }),
  'the format of a secret': secret({ inject: { header: 'authorization', format: 'token {}' } }),
  'the place of a secret': secret({ inject: { header: 'x-key' } }),
  'a secret in the query': secret({ inject: { query: 'key' } }),
  'another origin of a secret': secret({
    to: ['https://tickets.example.com', 'https://example.com'],
  }),
  'the method': template({ method: 'PUT' }),
  'the path': template({ url_template: 'https://tickets.example.com/v2/{{id}}/x' }),
  'a path parameter': template({ path_params: ['id'] }),
  'a query value': template({ query: { a: '1', b: '3' } }),
  'a query name': template({ query: { a: '1', c: '2' } }),
  'a header': template({ headers: { accept: 'text/plain', 'x-b': 'c' } }),
  'the body': template({ body_template: { z: '{{text}}', a: 2 } }),
  'the JSON type in the body': template({ body_template: { z: '{{text}}', a: '1' } }),
  'the encoding of the body': template({ body_encoding: 'form' }),
  'a bound of a parameter': io({ id: { type: 'string', maxLength: 6 } }),
  'a parameter that is hidden': io({ id: { type: 'string', maxLength: 5, 'x-sensitive': true } }),
  'a default': io({ text: { type: 'string', default: 'x' } }),
  'the response schema': within('io', { response_schema: { type: 'object' } }),
  'the size of a request': within('io', { max_request_bytes: 65_535 }),
  'the size of a response': within('io', { max_response_bytes: 65_535 }),
}

test('the digest is the SHA-256 of the canonical form of the whole manifest', () => {
  const normal = normalizedManifest(parsed(FULL))
  expect(digest(normal)).toBe(digestBytes(canonicalBytes(normal)))
  expect(digest(normal)).toMatch(/^sha256:[0-9a-f]{64}$/)
})

for (const [what, change] of Object.entries(CHANGES)) {
  test(`another digest: ${what}`, () => {
    expect(digestOf({ ...FULL, ...change })).not.toBe(digestOf(FULL))
  })
}

test('no two of the changes share a digest', () => {
  const digests = Object.values(CHANGES).map((change) => digestOf({ ...FULL, ...change }))
  expect(new Set(digests).size).toBe(digests.length)
})

test('no two actions of the catalogue share a digest', () => {
  const digests = loadBuiltinManifests().map((one) => digest(normalizedManifest(one)))
  expect(new Set(digests).size).toBe(14)
})

test('the order of keys changes neither the digest nor the request', () => {
  const args = { id: '7', text: 'hello', more: { page: 2 } }
  const plain = parsed(FULL)
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat()), (random) => {
      const order = (): number => random.next().value ?? 0
      const other = parsed(shuffled(FULL, order) as JsonObject)
      expect(digest(normalizedManifest(other))).toBe(digest(normalizedManifest(plain)))
      expect(resolveTarget(other, args)).toEqual(resolveTarget(plain, args))
    }),
    { numRuns: 60 },
  )
})

test('nor does the order of form fields', () => {
  const form = (body_template: JsonObject): JsonObject => ({
    ...FULL,
    ...template({ body_template, body_encoding: 'form' }),
  })
  const one = parsed(form({ b: '{{text}}', a: '1' }))
  const two = parsed(form({ a: '1', b: '{{text}}' }))
  const args = { id: '7', text: 'x' }
  expect(digest(normalizedManifest(one))).toBe(digest(normalizedManifest(two)))
  expect(resolveTarget(one, args)).toEqual(resolveTarget(two, args))
})

test('formatting, comments, quotes, and defaults written out change nothing', () => {
  const written = `# A comment.
version: '1.0.0'
action_id: ticket_read # the id
required_imports:
  - latchgate:io/http
  - "latchgate:io/log"
provider_module_digest: builtin:http_api
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
verification_config: { expected_status: [], required_fields: [] }
egress:
  profile: proxy_allowlist
  allowed_domains: [" Tickets.EXAMPLE.com. "]
template:
  method: get
  url_template: https://tickets.example.com/api/{{id}}
  path_params: []
  query: {}
  headers: {}
  body_encoding: json
resource_limits: { fuel: 200000000, memory_mb: 64, timeout_seconds: 30, max_io_calls: 10 }
required_scopes: [tools:call]
secrets: []
tags: []
cost_usd_cents: 0
description: ""
io:
  max_request_bytes: 65536
  request_schema:
    { type: object, properties: { id: { type: string } }, required: [id], additionalProperties: false }
`
  const read = parseManifest(written, 'm.yaml', { providers: PROVIDERS })
  if (!read.ok) throw new Error(JSON.stringify(read.error))
  expect(normalizedManifest(read.value)).toEqual(normalizedManifest(manifest({})))
})

test('the normal form is itself JSON: nothing in it is lost on the way', () => {
  for (const one of [parsed(FULL), ...loadBuiltinManifests()]) {
    const normal = normalizedManifest(one)
    expect(JSON.parse(JSON.stringify(normal))).toEqual(normal)
  }
})

function within(key: string, change: JsonObject): JsonObject {
  return { [key]: { ...(FULL[key] as JsonObject), ...change } }
}

function template(change: JsonObject): JsonObject {
  return within('template', change)
}

function io(properties: JsonObject): JsonObject {
  const { request_schema, ...rest } = FULL['io'] as { request_schema: JsonObject }
  const known = request_schema['properties'] as JsonObject
  const changed = { ...request_schema, properties: { ...known, ...properties } }
  return { io: { ...rest, request_schema: changed } }
}

function secret(change: JsonObject): JsonObject {
  const [first] = FULL['secrets'] as readonly JsonObject[]
  return { secrets: [{ ...first, ...change }] }
}

function parsed(document: JsonObject): Manifest {
  const read = parseManifest(JSON.stringify(document), 'm.yaml', { providers: PROVIDERS })
  if (read.ok) return read.value
  throw new Error(JSON.stringify(read.error, null, 2))
}

function digestOf(document: JsonObject): string {
  return digest(normalizedManifest(parsed(document)))
}

function shuffled(value: Json, order: () => number): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one: Json) => shuffled(one, order))
  const keyed = Object.entries(value as JsonObject).map(([name, member]) => ({
    name,
    member: shuffled(member, order),
    rank: order(),
  }))
  keyed.sort((a, b) => a.rank - b.rank)
  return Object.fromEntries(keyed.map(({ name, member }) => [name, member]))
}
