import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseManifest } from '../src/index.js'
import { manifest, manifestText, PLAIN, PROVIDERS, problemsOf, schema } from './manifest-text.js'

/** What a change breaks: the key, a part of the problem, a part of the fix. */
type Row = readonly [title: string, change: JsonObject, key: string, problem: string, fix: string]

const template = PLAIN['template'] as JsonObject
const withTemplate = (change: JsonObject): JsonObject => ({ template: { ...template, ...change } })
const withIo = (change: JsonObject): JsonObject => ({
  io: { ...(PLAIN['io'] as JsonObject), ...change },
})
const limits = (change: JsonObject): JsonObject => ({ resource_limits: change })
const high = (change: JsonObject): JsonObject => ({
  risk_level: 'high',
  ...withIo({ response_schema: { type: 'object' } }),
  ...change,
})
const posting = (change: JsonObject): JsonObject => ({
  declared_side_effects: ['http_write'],
  risk_level: 'medium',
  ...withTemplate({ method: 'POST', url_template: 'https://tickets.example.com/x', ...change }),
})

const MANY_DOMAINS = [
  'tickets.example.com',
  ...Array.from({ length: 250 }, (_, i) => `host-${i}.example.com`),
]

const rows: readonly Row[] = [
  [
    'an unknown key',
    { actoin_id: 'x' },
    'actoin_id',
    "unknown key 'actoin_id'",
    "did you mean 'action_id'?",
  ],
  [
    'an unknown key like nothing known',
    { zzzzz: 1 },
    'zzzzz',
    "unknown key 'zzzzz'",
    'use one of action_id, ',
  ],
  [
    'an unknown nested key',
    limits({ feul: 1 }),
    'resource_limits.feul',
    "unknown key 'feul'",
    "did you mean 'fuel'?",
  ],
  ['provider_source', { provider_source: 'x' }, 'provider_source', 'not available', 'remove it'],
  ['fs', { fs: {} }, 'fs', 'not available', 'no filesystem provider'],
  [
    'database_config',
    { database_config: {} },
    'database_config',
    'not available',
    'no database provider',
  ],
  [
    'egress.allowed_methods',
    {
      egress: {
        profile: 'proxy_allowlist',
        allowed_domains: ['tickets.example.com'],
        allowed_methods: ['GET'],
      },
    },
    'egress.allowed_methods',
    'not available',
    'template.method',
  ],

  ['no action_id', { action_id: null }, 'action_id', 'action_id is missing', 'add action_id'],
  ['an empty action_id', { action_id: '' }, 'action_id', 'action_id must not be empty', 'e.g.'],
  ['a long action_id', { action_id: 'a'.repeat(129) }, 'action_id', 'is not an action id', '1–128'],
  [
    'an action_id with a dot',
    { action_id: 'a.b' },
    'action_id',
    "'a.b' is not an action id",
    'letters',
  ],
  [
    'an action_id that no URL can name',
    { action_id: '_x' },
    'action_id',
    'is not an action id',
    'beginning with',
  ],
  [
    'a numeric version',
    { version: 1.5 },
    'version',
    'must be a string, is the number 1.5',
    'version: "1.5"',
  ],
  [
    'a description of 5000 characters',
    { description: 'x'.repeat(5000) },
    'description',
    'longer than 4096',
    'fewer',
  ],

  [
    'a provider of no kind',
    { provider_module_digest: 'http_api' },
    'provider_module_digest',
    'provider_module_digest must start with',
    'builtin:http_api',
  ],
  [
    'an unknown builtin',
    { provider_module_digest: 'builtin:http_apl' },
    'provider_module_digest',
    "unknown builtin provider 'http_apl'",
    "did you mean 'builtin:http_api'?",
  ],
  [
    'an empty builtin name',
    { provider_module_digest: 'builtin:' },
    'provider_module_digest',
    'unknown builtin provider',
    'builtin:http_api',
  ],
  [
    'a short digest',
    { provider_module_digest: 'sha256:ab' },
    'provider_module_digest',
    'provider_module_digest must be sha256:<64 hex>',
    '64 lower-case',
  ],
  [
    'an upper-case digest',
    { provider_module_digest: `sha256:${'A'.repeat(64)}` },
    'provider_module_digest',
    'provider_module_digest must be',
    'lower-case',
  ],
  [
    'a digest that no module has',
    { provider_module_digest: `sha256:${'b'.repeat(64)}` },
    'provider_module_digest',
    'no module has the digest',
    'providers directory',
  ],
  [
    'an unknown import',
    { required_imports: ['latchgate:io/htp'] },
    'required_imports[0]',
    'is not a host interface',
    "did you mean 'latchgate:io/http'?",
  ],
  [
    'a missing import',
    { required_imports: ['latchgate:io/log'] },
    'required_imports',
    "imports 'latchgate:io/http'",
    "add 'latchgate:io/http'",
  ],

  [
    'fuel 0',
    limits({ fuel: 0 }),
    'resource_limits.fuel',
    'must be at least 1, is 0',
    '1 to 2000000000',
  ],
  [
    'fuel beyond 2e9',
    limits({ fuel: 2_000_000_001 }),
    'resource_limits.fuel',
    'must be at most 2000000000',
    '1 to 2000000000',
  ],
  [
    'fuel as text',
    limits({ fuel: '1_000' }),
    'resource_limits.fuel',
    'must be an integer, is the string "1_000"',
    'a plain number',
  ],
  [
    'memory 0',
    limits({ memory_mb: 0 }),
    'resource_limits.memory_mb',
    'must be at least 1',
    '1 to 256',
  ],
  [
    'memory beyond 256',
    limits({ memory_mb: 257 }),
    'resource_limits.memory_mb',
    'must be at most 256',
    '1 to 256',
  ],
  [
    'time-out 0',
    limits({ timeout_seconds: 0 }),
    'resource_limits.timeout_seconds',
    'must be at least 1',
    '1 to 300',
  ],
  [
    'time-out beyond 300',
    limits({ timeout_seconds: 301 }),
    'resource_limits.timeout_seconds',
    'must be at most 300',
    '1 to 300',
  ],
  [
    'half a second',
    limits({ timeout_seconds: 0.5 }),
    'resource_limits.timeout_seconds',
    'must be an integer',
    '1 to 300',
  ],
  [
    '-1 I/O calls',
    limits({ max_io_calls: -1 }),
    'resource_limits.max_io_calls',
    'must be at least 0',
    '0 to 1000',
  ],
  [
    '1001 I/O calls',
    limits({ max_io_calls: 1001 }),
    'resource_limits.max_io_calls',
    'must be at most 1000',
    '0 to 1000',
  ],
  [
    'a response of nothing',
    limits({ max_host_response_bytes: 0 }),
    'resource_limits.max_host_response_bytes',
    'must be at least 1',
    '10485760',
  ],
  [
    'a response of 33 MiB',
    limits({ max_host_response_bytes: 34_603_008 }),
    'resource_limits.max_host_response_bytes',
    'must be at most 10485760',
    '10485760',
  ],
  [
    'a request beyond the transport',
    withIo({ max_request_bytes: 1_048_577 }),
    'io.max_request_bytes',
    'must be at most 1048576',
    '1048576',
  ],
  [
    'a list for a mapping',
    { resource_limits: [] },
    'resource_limits',
    'must be a mapping, is a list',
    '{ … }',
  ],

  [
    'an unknown verifier',
    { verifier_kind: 'http_staus' },
    'verifier_kind',
    'is not one of http_status, none',
    "did you mean 'http_status'?",
  ],
  [
    'the fs_hash verifier',
    { verifier_kind: 'fs_hash' },
    'verifier_kind',
    'is not one of',
    'http_status, none',
  ],
  [
    'status 99',
    { verification_config: { expected_status: [99] } },
    'verification_config.expected_status[0]',
    '99 is not an HTTP status',
    '100 to 599',
  ],
  [
    'a status as text',
    { verification_config: { expected_status: ['200'] } },
    'verification_config.expected_status[0]',
    '"200" is not an HTTP status',
    '100 to 599',
  ],
  [
    'a required field with an empty part',
    { verification_config: { required_fields: ['a..b'] } },
    'verification_config.required_fields[0]',
    'is not a dotted path',
    'dots',
  ],
  [
    'a verifier configuration without verifier',
    { verifier_kind: 'none', verification_config: { expected_status: [200] } },
    'verification_config',
    'never looked at',
    'http_status',
  ],
  [
    'an unknown verifier key',
    { verification_config: { expected: [200] } },
    'verification_config.expected',
    "unknown key 'expected'",
    'expected_status',
  ],

  [
    'an unknown egress profile',
    { egress: { profile: 'proxy' } },
    'egress.profile',
    '"proxy" is not one of none, proxy_allowlist',
    'proxy_allowlist',
  ],
  [
    'a bad domain',
    { egress: { profile: 'proxy_allowlist', allowed_domains: ['foo_bar.com'] } },
    'egress.allowed_domains[0]',
    "egress.allowed_domains entry 'foo_bar.com' is invalid: InvalidCharacter",
    '*.domain',
  ],
  [
    'a wildcard over a top-level domain',
    { egress: { profile: 'proxy_allowlist', allowed_domains: ['*.com'] } },
    'egress.allowed_domains[0]',
    'WildcardSuffixTooShort',
    '*.domain',
  ],
  [
    'more domains than a record can hold',
    { egress: { profile: 'proxy_allowlist', allowed_domains: [...MANY_DOMAINS] } },
    'egress.allowed_domains',
    'bytes in the record of every call, at most 4096',
    'several actions',
  ],
  [
    'a flag where a text belongs',
    { version: { toString: false } },
    'version',
    'must be a string',
    'write version: "…"',
  ],
  [
    'domains without network',
    { egress: { allowed_domains: ['a.com'] } },
    'egress.allowed_domains',
    'would be ignored',
    'proxy_allowlist',
  ],
  [
    'a template without network',
    { egress: {} },
    'egress.profile',
    'the profile is none',
    'proxy_allowlist',
  ],
  [
    'a host that no entry covers',
    { egress: { profile: 'proxy_allowlist', allowed_domains: ['api.example.com'] } },
    'egress.allowed_domains',
    "the template calls 'tickets.example.com', which no entry covers",
    "add 'tickets.example.com'",
  ],
  [
    'a host with a placeholder that no entry covers',
    { ...withTemplate({ url_template: 'https://{{id}}.example.org/x' }) },
    'egress.allowed_domains',
    'which no entry covers',
    "add '*.example.org'",
  ],

  [
    'an unknown risk',
    { risk_level: 'lo' },
    'risk_level',
    '"lo" is not one of low, medium, high, critical',
    "did you mean 'low'?",
  ],
  [
    'no scope',
    { required_scopes: [] },
    'required_scopes',
    'required_scopes must not be empty',
    'tools:call',
  ],
  [
    'scopes without tools:call',
    { required_scopes: ['email:send'] },
    'required_scopes',
    "must contain 'tools:call'",
    'tools:call',
  ],
  [
    'half a cent',
    { cost_usd_cents: 0.5 },
    'cost_usd_cents',
    'must be an integer, is the number 0.5',
    'a plain number from 0 to 100000000',
  ],
  [
    'a gain',
    { cost_usd_cents: -1 },
    'cost_usd_cents',
    'must be at least 0, is -1',
    'use 0 to 100000000',
  ],
  [
    'a label in capitals',
    { tags: ['Research'] },
    'tags[0]',
    "'Research' is not a label",
    'research',
  ],
  ['a label twice', { tags: ['a', 'a'] }, 'tags', "'a' stands there twice", 'remove one'],
  [
    'a list that is text',
    { tags: 'research' },
    'tags',
    'must be a list, is the string "research"',
    '[ … ]',
  ],
  ['a list with a number', { tags: [1] }, 'tags[0]', 'must be a string, is the number 1', 'quotes'],
  [
    'no effect',
    { declared_side_effects: [] },
    'declared_side_effects',
    'without a label no ACL can refuse it',
    'http_read',
  ],
  [
    'a DELETE that is no delete',
    { ...withTemplate({ method: 'DELETE' }), declared_side_effects: ['http_write'] },
    'declared_side_effects',
    'must declare http_delete',
    'add http_delete',
  ],

  [
    'high risk without verifier',
    high({ verifier_kind: 'none' }),
    'verifier_kind',
    'must declare a verifier_kind',
    'http_status',
  ],
  [
    'critical risk without response schema',
    { risk_level: 'critical' },
    'io.response_schema',
    'must declare io.response_schema',
    'status_code',
  ],
  [
    'a high write that shows nothing',
    high({ declared_side_effects: ['http_write'] }),
    'verification_config.required_fields',
    'must say what shows that it happened',
    'expected_status',
  ],

  [
    'a template without method',
    withTemplate({ method: null }),
    'template.method',
    'method is missing',
    'GET',
  ],
  [
    'an unknown method',
    withTemplate({ method: 'FETCH' }),
    'template.method',
    "'FETCH' is not a method",
    'GET, POST',
  ],
  [
    'a template without URL',
    withTemplate({ url_template: '' }),
    'template.url_template',
    'url_template must not be empty',
    'https://',
  ],
  [
    'no template for the builtin',
    { template: null },
    'template',
    'needs a template',
    'url_template',
  ],
  [
    'a URL of another scheme',
    withTemplate({ url_template: 'ftp://a.com/{{id}}' }),
    'template.url_template',
    'must begin with https:// or http://',
    'https://',
  ],
  [
    'a URL with a fragment',
    withTemplate({ url_template: 'https://tickets.example.com/{{id}}#x' }),
    'template.url_template',
    'without a fragment',
    'https://',
  ],
  [
    'a URL with user information',
    withTemplate({ url_template: 'https://me@tickets.example.com/{{id}}' }),
    'template.url_template',
    'user information',
    'https://',
  ],
  [
    'a URL with a dot segment',
    withTemplate({ url_template: 'https://tickets.example.com/a/../{{id}}' }),
    'template.url_template',
    'not in normal form',
    'https://',
  ],
  [
    'a URL with a space',
    withTemplate({ url_template: 'https://tickets.example.com/a b/{{id}}' }),
    'template.url_template',
    'not in normal form',
    'https://',
  ],
  [
    'a URL with a bad host',
    withTemplate({ url_template: 'https://a b/{{id}}' }),
    'template.url_template',
    'white space',
    'https://',
  ],
  [
    'an unclosed placeholder',
    withTemplate({ url_template: 'https://tickets.example.com/{{id' }),
    'template.url_template',
    "'{{' without '}}'",
    'https://',
  ],
  [
    'two placeholders that look like one',
    withTemplate({ url_template: '{{id}} x }}' }),
    'template.url_template',
    'must begin with',
    'https://',
  ],
  [
    'a placeholder of no name',
    withTemplate({ query: { a: '{{ a b }}' } }),
    'template.query.a',
    'does not hold the name of a parameter',
    "'{{name}}'",
  ],
  [
    'an unclosed placeholder in a body',
    posting({ body_template: { a: ['{{x'] } }),
    'template.body_template.a[0]',
    "'{{' without '}}'",
    "'{{name}}'",
  ],
  [
    'a placeholder that is no parameter',
    withTemplate({ query: { a: '{{idd}}' } }),
    'template.query.a',
    "'{{idd}}' is not a parameter of io.request_schema",
    "did you mean 'id'?",
  ],
  [
    'a parameter that goes nowhere',
    withIo({ request_schema: schema({ id: { type: 'string' }, note: {} }) }),
    'io.request_schema.properties.note',
    "'note' is never sent",
    "'{{note}}'",
  ],
  [
    'an optional in a path',
    withIo({ request_schema: schema({ id: { type: 'string' } }, []) }),
    'template.url_template',
    "'id' is optional, but this text cannot do without it",
    'required',
  ],
  [
    'an optional in mixed text',
    {
      ...withTemplate({ query: { a: 'x{{b}}' } }),
      ...withIo({ request_schema: schema({ id: {}, b: {} }, ['id']) }),
    },
    'template.query.a',
    "'b' is optional",
    'default',
  ],
  [
    'an optional in mixed body text',
    {
      ...posting({ body_template: { a: 'x{{id}}' } }),
      ...withIo({ request_schema: schema({ id: {} }, []) }),
    },
    'template.body_template.a',
    "'id' is optional",
    'default',
  ],
  [
    'a path parameter that is no segment',
    withTemplate({ url_template: 'https://tickets.example.com/{{id}}.json', path_params: ['id'] }),
    'template.path_params[0]',
    'not a segment of its own',
    'remove it',
  ],
  [
    'a query object that is no object',
    {
      ...withTemplate({ query_params: 'q' }),
      ...withIo({ request_schema: schema({ id: {}, q: { type: 'string' } }) }),
    },
    'template.query_params',
    "'q' must be declared with type: object",
    'properties.q',
  ],
  [
    'a query name in two places',
    withTemplate({ url_template: 'https://tickets.example.com/{{id}}?a=1', query: { a: '2' } }),
    'template.query.a',
    'stands in url_template as well',
    'remove one',
  ],
  [
    'a body for GET',
    withTemplate({ body_template: { id: '{{id}}' } }),
    'template.body_template',
    'a GET request has no body',
    'another method',
  ],
  [
    'text as JSON',
    posting({ body_template: 'id={{id}}' }),
    'template.body_template',
    'this is text, not JSON',
    'body_encoding: text',
  ],
  [
    'a mapping as text',
    posting({ body_template: { id: '{{id}}' }, body_encoding: 'text' }),
    'template.body_template',
    'must be a string',
    'body_encoding: json',
  ],
  [
    'a list as a form',
    posting({ body_template: ['{{id}}'], body_encoding: 'form' }),
    'template.body_template',
    'must be a mapping',
    'field',
  ],
  [
    'an unknown encoding',
    posting({ body_template: '{{id}}', body_encoding: 'xml' }),
    'template.body_encoding',
    '"xml" is not one of json, form, text',
    'json, form, text',
  ],
  [
    'a form header on JSON',
    posting({
      body_template: '{{id}}',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
    'template.headers.content-type',
    'does not fit body_encoding: json',
    'correct one',
  ],
  [
    'a JSON header on a form',
    posting({
      body_template: { a: '{{id}}' },
      body_encoding: 'form',
      headers: { 'Content-Type': 'application/json' },
    }),
    'template.headers.content-type',
    'does not fit body_encoding: form',
    'correct one',
  ],
  [
    'a form header on text',
    posting({
      body_template: '{{id}}',
      body_encoding: 'text',
      headers: { 'content-type': 'application/x-www-form-urlencoded; x' },
    }),
    'template.headers.content-type',
    'does not fit body_encoding: text',
    'correct one',
  ],
  [
    'a content type without a body',
    withTemplate({ headers: { 'content-type': 'text/plain' } }),
    'template.headers.content-type',
    'there is no body',
    'body_template',
  ],
  [
    'a header of the connection',
    withTemplate({ headers: { Host: 'evil.com' } }),
    'template.headers.Host',
    'belongs to the connection',
    'remove it',
  ],
  [
    'a URL where a host belongs',
    {
      egress: { profile: 'proxy_allowlist', allowed_domains: ['https://Tickets.example.com/api'] },
    },
    'egress.allowed_domains[0]',
    "egress.allowed_domains entry 'https://Tickets.example.com/api' is invalid: InvalidCharacter",
    "write 'tickets.example.com'",
  ],
  [
    'reading back, which is not there yet',
    { verification_config: { read_back: {} } },
    'verification_config.read_back',
    "'read_back' is not available in this version",
    'expected_status or required_fields',
  ],
  [
    'a coding that the gate could not read',
    withTemplate({ headers: { 'accept-encoding': 'zstd' } }),
    'template.headers.accept-encoding',
    'belongs to the connection',
    'remove it',
  ],
  [
    'a parameter that is required and not declared',
    withIo({ request_schema: schema({ id: { type: 'string' } }, ['id', 'idd']) }),
    'io.request_schema.required',
    "'idd' is not declared",
    "did you mean 'id'?",
  ],
  [
    'a credential in a header',
    withTemplate({ headers: { Authorization: 'Bearer x' } }),
    'template.headers.Authorization',
    'a credential does not belong in a manifest',
    'inject',
  ],
  [
    'a header that is no name',
    withTemplate({ headers: { 'a b': 'x' } }),
    'template.headers.a b',
    'not a header name',
    'accept',
  ],
  [
    'a header twice',
    withTemplate({ headers: { Accept: 'a', accept: 'b' } }),
    'template.headers.accept',
    'stands there twice',
    'remove one',
  ],
  [
    'a placeholder in a header',
    withTemplate({ headers: { 'x-id': '{{id}}' } }),
    'template.headers.x-id',
    'headers are static',
    'write the text',
  ],
  [
    'a line break in a header',
    withTemplate({ headers: { 'x-id': 'a\r\nb' } }),
    'template.headers.x-id',
    'without line breaks',
    'correct',
  ],
  [
    'a header that is not text',
    withTemplate({ headers: { 'x-id': 1 } }),
    'template.headers.x-id',
    'must be a string, is the number 1',
    'quotes',
  ],

  [
    'a schema keyword that does not exist',
    withIo({ request_schema: { type: 'object', propertys: {} } }),
    'io.request_schema',
    '/: unknown keyword "propertys"',
    "did you mean 'properties'?",
  ],
  [
    'an external reference',
    withIo({
      request_schema: { type: 'object', properties: { id: { $ref: 'https://evil.com/s.json' } } },
    }),
    'io.request_schema',
    "/properties/id/$ref is external ('https://evil.com/s.json')",
    'correct the schema',
  ],
  [
    'a reference to a file',
    withIo({ response_schema: { $dynamicRef: 'file:///etc/passwd' } }),
    'io.response_schema',
    '/$dynamicRef is external',
    'correct the schema',
  ],
  [
    'a schema with a name',
    withIo({ request_schema: { $id: 'https://json-schema.org/draft/2020-12/schema' } }),
    'io.request_schema',
    '/$id is not allowed',
    'correct the schema',
  ],
  [
    'an asynchronous schema',
    withIo({ request_schema: { $async: true, type: 'object' } }),
    'io.request_schema',
    '/$async is not allowed',
    'correct the schema',
  ],
  [
    'another dialect',
    withIo({ request_schema: { $schema: 'http://json-schema.org/draft-07/schema#' } }),
    'io.request_schema',
    "/$schema must be 'https://json-schema.org/draft/2020-12/schema'",
    'correct the schema',
  ],
  [
    'a pattern that is none',
    withIo({ request_schema: schema({ id: { type: 'string', pattern: '(' } }) }),
    'io.request_schema',
    '/properties/id/pattern: Invalid regular expression',
    'correct the schema',
  ],
  [
    'an unknown format',
    withIo({ request_schema: schema({ id: { type: 'string', format: 'url' } }) }),
    'io.request_schema',
    '/properties/id/format: unknown format "url"',
    "correct the schema: did you mean 'uri'?",
  ],
  [
    'a negative length',
    withIo({ request_schema: schema({ id: { type: 'string', minLength: -1 } }) }),
    'io.request_schema',
    'minLength',
    'correct the schema',
  ],
  [
    'a schema that is text without files',
    withIo({ request_schema: 'schema.json' }),
    'io.request_schema',
    'schema files cannot be read here',
    'inline',
  ],
  [
    'a schema that is a list',
    withIo({ request_schema: [] }),
    'io.request_schema',
    'must be a mapping, is a list',
    '{ … }',
  ],
  [
    'a default that its schema refuses',
    withIo({ request_schema: schema({ id: { type: 'string', enum: ['a', 'b'], default: '' } }) }),
    'io.request_schema.properties.id.default',
    'the default must be one of "a", "b"',
    'allows',
  ],
  [
    'a default where it is ignored',
    withIo({ request_schema: schema({ id: { anyOf: [{ type: 'string', default: 'x' }] } }) }),
    'io.request_schema',
    '/properties/id/anyOf/0/default is ignored',
    'give it to the property itself',
  ],
]

for (const [title, change, key, problem, fix] of rows) {
  test(`${title} is a problem at ${key}`, () => {
    const problems = problemsOf(change)
    const found = problems.find((one) => one.key === key)
    expect(found, JSON.stringify(problems)).toBeDefined()
    expect(found?.file).toBe('test.yaml')
    expect(found?.problem).toContain(problem)
    expect(found?.fix).toContain(fix)
    // One mistake, one problem.
    expect(problems, JSON.stringify(problems)).toHaveLength(1)
  })
}

const scopes: readonly (readonly [string, boolean])[] = [
  ['email:send', true],
  ['s3:put-object', true],
  ['ci:trigger_build', true],
  ['a:b:c', true],
  ['Tools:call', false],
  ['toolscall', false],
  [':call', false],
  ['tools:', false],
  ['a:b', false],
  ['tools:call!', false],
  ['tools:call/read', false],
  [`a:${'x'.repeat(63)}`, false],
]

for (const [scope, valid] of scopes) {
  test(`'${scope.slice(0, 20)}' ${valid ? 'is' : 'is not'} a scope`, () => {
    const problems = problemsOf({ required_scopes: ['tools:call', scope] })
    expect(problems.map(({ key }) => key)).toEqual(valid ? [] : ['required_scopes[1]'])
  })
}

const yamlRows: readonly (readonly [string, string, string, string])[] = [
  ['text that is no YAML', 'action_id: [', '', 'not readable as YAML'],
  ['two keys of one name', 'action_id: a\naction_id: b', '', 'Map keys must be unique'],
  [
    'an unquoted placeholder',
    'action_id: a\ntemplate: {method: GET, url_template: {{url}}}',
    '',
    'keys must be strings',
  ],
  ['a tag', 'action_id: !!js/function x', '', 'Unresolved tag'],
  ['two documents', 'action_id: a\n---\naction_id: b', '', 'multiple documents'],
  ['an alias to nothing', 'action_id: *x', '', 'Unresolved alias'],
  ['infinity', 'resource_limits: {fuel: .inf}', 'resource_limits.fuel', 'the value is not JSON'],
  ['an alias inside itself', 'tags: &x [*x]', 'tags', 'nested too deep'],
  ['a lone surrogate', 'version: "\\ud800"', 'version', 'the value is not JSON'],
  ['a list', '- a', '', 'not a mapping'],
  ['nothing', '', '', 'not a mapping'],
  ['a file of a megabyte', `# ${'x'.repeat(1_048_577)}`, '', 'larger than 1 MiB'],
]

for (const [title, text, key, problem] of yamlRows) {
  test(`${title} is a problem of the document`, () => {
    const parsed = parseManifest(text, 'm.yaml', { providers: PROVIDERS })
    if (parsed.ok) throw new Error('accepted')
    expect(parsed.error[0]?.file).toBe('m.yaml')
    expect(parsed.error[0]?.key.startsWith(key)).toBe(true)
    expect(parsed.error[0]?.problem).toContain(problem)
    expect(parsed.error[0]?.fix).not.toBe('')
  })
}

test('all mistakes of a document are told at once', () => {
  const keys = problemsOf({ action_id: '', version: 1, risk_level: 'x', tagz: [] }).map(
    (p) => p.key,
  )
  expect(keys).toEqual(['tagz', 'action_id', 'version', 'risk_level'])
})

test('a manifest of the least has every default', () => {
  const least = manifest({})
  expect(least).toMatchObject({
    description: '',
    limits: {
      fuel: 200_000_000,
      memory_mb: 64,
      timeout_seconds: 30,
      max_io_calls: 10,
      max_host_response_bytes: 1_048_576,
    },
    verifier: { kind: 'http_status', expected_status: [], required_fields: [] },
    io: { response_schema: undefined, max_request_bytes: 65_536, max_response_bytes: 6_356_992 },
    secrets: [],
    required_scopes: ['tools:call'],
    cost_usd_cents: 0,
    tags: [],
    template: { path_params: [], query: {}, query_params: null, body_encoding: 'json' },
  })
})

test('the answer of a greater upstream body has room by default', () => {
  expect(manifest(limits({ max_host_response_bytes: 1000 })).io.max_response_bytes).toBe(71_536)
})

test('allowed domains are kept as they are matched', () => {
  const { egress } = manifest({
    egress: { profile: 'proxy_allowlist', allowed_domains: [' Tickets.Example.COM. ', '=B.com'] },
  })
  expect(egress.allowed_domains).toEqual(['tickets.example.com', '=b.com'])
})

test('comments, block texts and anchors of YAML are understood', () => {
  const text = `# Risk rationale: a test.
action_id: block
version: "1"
description: >-
  two
  lines
provider_module_digest: builtin:http_api
required_imports: &imports [latchgate:io/http]
declared_side_effects: [http_read]
egress: { profile: proxy_allowlist, allowed_domains: [] }
template: { method: GET, url_template: "{{url}}" }
io:
  request_schema:
    type: object
    required: [url]
    properties: { url: { type: string, format: uri } }
`
  const parsed = parseManifest(text, 'm.yaml', { providers: PROVIDERS })
  expect(parsed.ok && parsed.value.description).toBe('two lines')
})

test('a default makes an optional parameter fit for a path', () => {
  const io = { request_schema: schema({ id: { type: 'string', default: 'latest' } }, []) }
  expect(problemsOf({ io })).toEqual([])
})

test('no text makes the parser throw', () => {
  const keys = Object.keys(JSON.parse(manifestText({})) as object)
  const change = fc.dictionary(
    fc.constantFrom(...keys, 'secrets', 'resource_limits', 'x'),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        change.map((one) => manifestText(one as JsonObject)),
      ),
      (text) => {
        const parsed = parseManifest(text, 'm.yaml', { providers: PROVIDERS })
        if (parsed.ok) return
        expect(parsed.error.length).toBeGreaterThan(0)
        for (const one of parsed.error) expect(one.problem !== '' && one.fix !== '').toBe(true)
      },
    ),
    { numRuns: 400 },
  )
})

test('no change of one value makes the parser throw', () => {
  const paths = pathsOf(
    JSON.parse(manifestText({ secrets: [{ name: 'A', inject: { header: 'a' } }] })) as Json,
  )
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const document = JSON.parse(
        manifestText({ secrets: [{ name: 'A', inject: { header: 'a' } }] }),
      ) as Json
      parseManifest(JSON.stringify(replaced(document, path, value as Json)), 'm', {
        providers: PROVIDERS,
      })
    }),
    { numRuns: 400 },
  )
})

function pathsOf(value: Json, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [
    path,
    ...Object.entries(value as JsonObject).flatMap(([k, v]) => pathsOf(v, [...path, k])),
  ]
}

function replaced(value: Json, [first, ...rest]: readonly string[], by: Json): Json {
  if (first === undefined) return by
  const copy = structuredClone(value) as Record<string, Json>
  copy[first] = replaced(copy[first] ?? null, rest, by)
  return copy
}
