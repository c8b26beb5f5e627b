import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json, JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { compileAction } from '../src/action.js'
import { isWrite } from '../src/manifest/check-risk.js'
import { builtinManifestDirectory, loadBuiltinManifests } from '../src/node/index.js'
import { compileSchema } from '../src/schema/compile-schema.js'

const manifests = loadBuiltinManifests()

/** Action catalogue 1.1 with the defects of section 4 mended: risk, effect, what it sends, where. */
const TABLE: readonly (readonly [string, string, string, string, readonly string[]])[] = [
  [
    'github_comment_issue',
    'medium',
    'http_write',
    'POST https://api.github.com/repos/{{owner}}/{{repo}}/issues/{{issue_number}}/comments',
    ['api.github.com'],
  ],
  [
    'github_create_issue',
    'high',
    'http_write',
    'POST https://api.github.com/repos/{{owner}}/{{repo}}/issues',
    ['api.github.com'],
  ],
  ['github_read', 'low', 'http_read', 'GET https://api.github.com/{{path}}', ['api.github.com']],
  [
    'github_search',
    'low',
    'http_read',
    'GET https://api.github.com/search/{{category}}',
    ['api.github.com'],
  ],
  ['http_bearer_get', 'medium', 'http_read', 'GET {{url}}', []],
  ['http_delete', 'high', 'http_delete', 'DELETE {{url}}', []],
  [
    'http_fetch',
    'low',
    'http_read',
    'GET {{url}}',
    ['httpbin.org', 'api.github.com', '*.wikipedia.org', 'hacker-news.firebaseio.com'],
  ],
  ['http_patch', 'medium', 'http_write', 'PATCH {{url}}', []],
  ['http_post', 'medium', 'http_write', 'POST {{url}}', ['httpbin.org']],
  ['http_put', 'medium', 'http_write', 'PUT {{url}}', []],
  ['http_sensitive_read', 'high', 'http_read', 'GET {{url}}', []],
  [
    'slack_post',
    'medium',
    'http_write',
    'POST https://hooks.slack.com/services/',
    ['hooks.slack.com'],
  ],
  ['webhook_notify', 'medium', 'http_write', 'POST {{url}}', []],
  [
    'wikipedia_read',
    'low',
    'http_read',
    'GET https://{{lang}}.wikipedia.org/api/rest_v1/{{endpoint}}',
    ['*.wikipedia.org'],
  ],
]

test('the catalogue holds the actions of the table, with their risk, effect and destination', () => {
  const shown = manifests.map((one) => [
    one.action_id,
    one.risk_level,
    one.declared_side_effects.join(),
    `${one.template?.method} ${one.template?.url_template}`,
    one.egress.allowed_domains,
  ])
  expect(shown).toEqual(TABLE)
})

test('every secret goes to one place, as the API it is for wants it, and where it is bound', () => {
  const bearer = { kind: 'header', header: 'authorization', format: 'Bearer {}' }
  const github = { name: 'GITHUB_TOKEN', inject: bearer, to: ['https://api.github.com'] }
  const bound = (name: string, required: boolean) => ({ name, required, inject: bearer, to: null })
  const secrets = manifests.map((one) => [one.action_id, one.secrets])
  expect(Object.fromEntries(secrets)).toEqual({
    github_comment_issue: [{ ...github, required: true }],
    github_create_issue: [{ ...github, required: true }],
    github_read: [{ ...github, required: false }],
    github_search: [{ ...github, required: false }],
    http_bearer_get: [bound('API_BEARER_TOKEN', true)],
    http_delete: [bound('API_TOKEN', false)],
    http_fetch: [],
    http_patch: [bound('API_TOKEN', false)],
    http_post: [],
    http_put: [bound('API_TOKEN', false)],
    http_sensitive_read: [bound('API_BEARER_TOKEN', true)],
    slack_post: [
      {
        name: 'SLACK_WEBHOOK_URL',
        required: true,
        inject: { kind: 'url', prefix: 'https://hooks.slack.com/services/' },
        to: ['https://hooks.slack.com'],
      },
    ],
    webhook_notify: [],
    wikipedia_read: [],
  })
})

test('what shows that a write happened is named wherever the API says it', () => {
  const named = manifests.filter((one) => one.verifier.expected_status.length > 0)
  expect(named.map((one) => [one.action_id, one.verifier])).toEqual([
    ['github_comment_issue', status([201], ['id', 'html_url'])],
    ['github_create_issue', status([201], ['number', 'id', 'html_url'])],
    ['http_delete', status([200, 202, 204], [])],
    ['slack_post', status([200], [])],
  ])
})

for (const manifest of manifests) {
  const { action_id, io, limits, verifier } = manifest
  const schema = io.request_schema as JsonObject
  const parameters = Object.entries(schema['properties'] as Record<string, JsonObject>)

  test(`${action_id}: its file says why it has its risk, and what an agent gets`, () => {
    const text = readFileSync(join(builtinManifestDirectory(), `${action_id}.yaml`), 'utf8')
    expect(text).toMatch(/^# Risk rationale: \S/)
    expect(manifest.description).toContain('The answer is {ok, data: {status_code, headers, body')
  })

  test(`${action_id}: its schemas keep to the meta-schema, and know every parameter`, () => {
    for (const one of [schema, io.response_schema]) {
      if (one !== undefined) expect(compileSchema(structuredClone(one)).ok).toBe(true)
    }
    expect(schema['additionalProperties']).toBe(false)
  })

  test(`${action_id}: every parameter is described, bounded, and shown by an example`, () => {
    const action = compileAction(manifest)
    if (!action.ok) throw new Error(action.error.problem)
    for (const [name, parameter] of parameters) {
      expect(parameter['description'], name).toEqual(expect.any(String))
      expect(isBounded(parameter), `${name} is bounded`).toBe(true)
      // A human decides on what is shown; hiding one of these would hide what he decides on.
      expect(parameter, name).not.toHaveProperty('x-sensitive')
      const examples = (parameter['examples'] ?? parameter['enum']) as readonly Json[] | undefined
      const shown = examples ?? [parameter['default'] as Json]
      for (const example of shown) {
        const checked = action.value.validateRequest({ ...exampleOf(parameters), [name]: example })
        expect(checked.ok, `${name}: ${JSON.stringify(example)}`).toBe(true)
      }
    }
  })

  test(`${action_id}: the longest text of every parameter fits into a request`, () => {
    const action = compileAction(manifest)
    if (!action.ok) throw new Error(action.error.problem)
    // JSON needs six bytes for a control character; no API wants more of them than this.
    const longest = parameters.map(([name, one]) => [name, longestOf(name, one)] as const)
    const request = Object.fromEntries(longest) as JsonObject
    const checked = action.value.validateRequest(request)
    expect(checked.ok ? [] : checked.error).toEqual([])
  })

  test(`${action_id}: an answer of the greatest allowed body fits into a result`, () => {
    const worst = JSON.stringify('\u0001').length - 2
    expect(io.max_response_bytes).toBeGreaterThanOrEqual(
      worst * limits.max_host_response_bytes + 65_536,
    )
  })

  test(`${action_id}: a high risk names its evidence, and its own schema takes every envelope`, () => {
    if (manifest.risk_level !== 'high') return
    if (isWrite(manifest)) expect(verifier.expected_status).not.toEqual([])
    const action = compileAction(manifest)
    const data = { status_code: 204, headers: { a: 'b' }, body: '', url: 'https://a.com/' }
    for (const output of [
      { ok: true, data },
      { ok: false, data, error: { code: 'x' } },
    ]) {
      expect(action.ok && action.value.validateResponse(output).ok).toBe(true)
    }
  })
}

test('no file of the catalogue is left out', () => {
  const files = readdirSync(builtinManifestDirectory())
  expect(files).toEqual(manifests.map((one) => `${one.action_id}.yaml`))
})

test('every request to GitHub says who asks, which version of the API, and which media type', () => {
  const github = manifests.filter((one) => one.action_id.startsWith('github_'))
  for (const { template } of github) {
    expect(template?.headers).toEqual({
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      'user-agent': 'latchgate/0.3',
    })
  }
  expect(github).toHaveLength(4)
})

function status(expected_status: readonly number[], required_fields: readonly string[]): object {
  return { kind: 'http_status', expected_status, required_fields }
}

function isBounded(parameter: JsonObject): boolean {
  if (parameter['enum'] !== undefined || parameter['type'] === undefined) return true
  const types = [parameter['type']].flat() as readonly string[]
  return types.every((type) => {
    if (type === 'string') return 'maxLength' in parameter || 'pattern' in parameter
    if (type === 'array') return 'maxItems' in parameter
    if (type === 'object') return 'maxProperties' in parameter
    return type === 'integer' && 'minimum' in parameter
  })
}

function exampleOf(parameters: readonly (readonly [string, JsonObject])[]): JsonObject {
  return Object.fromEntries(
    parameters.map(([name, one]) => {
      const examples = (one['examples'] ?? one['enum'] ?? [one['default']]) as readonly Json[]
      return [name, examples[0] as Json]
    }),
  )
}

function longestOf(name: string, parameter: JsonObject): Json {
  const examples = (parameter['examples'] ?? parameter['enum']) as readonly Json[]
  if (parameter['type'] === 'array') {
    const items = parameter['items'] as JsonObject
    const item = '\u0001'.repeat(Number(items['maxLength']))
    return Array.from({ length: Number(parameter['maxItems']) }, () => item)
  }
  if (parameter['type'] !== 'string' || parameter['enum'] !== undefined) {
    return examples?.[0] ?? (parameter['default'] as Json)
  }
  const length = Number(parameter['maxLength'])
  if (name === 'url') return `https://a.com/${'x'.repeat(length - 14)}`
  if (name === 'lang') return `${'a'.repeat(10)}-${'b'.repeat(10)}-${'c'.repeat(10)}`
  return (parameter['pattern'] === undefined ? '\u0001' : 'x').repeat(length)
}
