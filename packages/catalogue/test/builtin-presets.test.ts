import type { JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { BUILTIN_PRESETS, buildPolicyData, loadPreset, parsePreset } from '../src/index.js'
import { loadBuiltinManifests } from '../src/node/index.js'

const manifests = loadBuiltinManifests()
const LOW = ['github_read', 'github_search', 'http_fetch', 'wikipedia_read']
const ALL = manifests.map((one) => one.action_id)

/** What a preset gives everybody, and what it gives `dev`. */
const GRANTS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'quickstart',
    [],
    [
      'github_comment_issue',
      'github_create_issue',
      'github_read',
      'github_search',
      'http_fetch',
      'http_post',
      'slack_post',
      'wikipedia_read',
    ],
  ],
  ['read-only', LOW, [...LOW, 'http_bearer_get', 'http_sensitive_read'].sort()],
  [
    'agent',
    [
      'github_comment_issue',
      'github_read',
      'github_search',
      'http_bearer_get',
      'http_fetch',
      'http_patch',
      'http_post',
      'http_put',
      'wikipedia_read',
    ],
    ALL.filter((id) => id !== 'slack_post' && id !== 'webhook_notify'),
  ],
  [
    'coding',
    ['github_comment_issue', 'github_read', 'github_search', 'http_fetch'],
    ['github_comment_issue', 'github_create_issue', 'github_read', 'github_search', 'http_fetch'],
  ],
  [
    'data',
    ['http_bearer_get', 'http_fetch', 'webhook_notify'],
    ['http_bearer_get', 'http_fetch', 'webhook_notify'],
  ],
  [
    'team',
    ALL.filter(
      (id) =>
        !['webhook_notify', 'github_create_issue', 'http_delete', 'http_sensitive_read'].includes(
          id,
        ),
    ),
    ALL.filter((id) => id !== 'webhook_notify'),
  ],
  ['lockdown', [], []],
  ['blank', [], []],
  ['permissive', ALL, ALL],
]

test('every preset is in the table', () => {
  expect(BUILTIN_PRESETS.map((one) => one.name)).toEqual(GRANTS.map(([name]) => name))
})

for (const [name, everybody, named] of GRANTS) {
  test(`the preset ${name} grants what its description says`, () => {
    const { acl } = buildPolicyData(loadPreset(name), manifests, ['dev']) as {
      readonly acl: Record<string, JsonObject>
    }
    expect(acl['*']?.['allowed_actions']).toEqual(everybody)
    expect(acl['dev']?.['allowed_actions']).toEqual(named)
  })
}

test('nothing but permissive gives everybody an action of high risk, and it says so', () => {
  const high = manifests.filter((one) => one.risk_level === 'high').map((one) => one.action_id)
  for (const preset of BUILTIN_PRESETS) {
    const data = buildPolicyData(preset, manifests, [])
    const acl = data['acl'] as Record<string, { readonly allowed_actions: readonly string[] }>
    const given = acl['*']?.allowed_actions.filter((id) => high.includes(id)) ?? []
    expect(given, preset.name).toEqual(preset.name === 'permissive' ? high : [])
    expect(Object.hasOwn(data, '_WARNING'), preset.name).toBe(preset.name === 'permissive')
  }
})

test('read-only gives nobody a write', () => {
  const { acl } = buildPolicyData(loadPreset('read-only'), manifests, ['dev']) as {
    readonly acl: Record<string, JsonObject>
  }
  expect(acl['*']?.['allowed_sinks']).toEqual(['http_read'])
  expect(acl['dev']?.['allowed_sinks']).toEqual(['http_read'])
})

test('a built-in preset would be read from a file as it is', () => {
  for (const preset of BUILTIN_PRESETS) {
    expect(parsePreset({ preset } as never, 'f')).toEqual({ ok: true, value: preset })
  }
})

test('an unknown preset names the nearest and all there are', () => {
  expect(() => loadPreset('quickstrat')).toThrow(
    "preset 'quickstrat' not found (did you mean 'quickstart'?): there are quickstart, read-only, " +
      'agent, coding, data, team, lockdown, blank, permissive',
  )
  expect(() => loadPreset('constructor')).toThrow("preset 'constructor' not found: there are")
})
