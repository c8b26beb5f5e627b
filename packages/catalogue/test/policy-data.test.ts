import { expect, test } from 'vitest'
import {
  buildPolicyData,
  type GrantRule,
  type Manifest,
  type Preset,
  PresetError,
  selectManifests,
} from '../src/index.js'
import { manifest } from './manifest-text.js'

const response_schema = { type: 'object' }
const io = { request_schema: { type: 'object', required: ['id'], properties: { id: {} } } }
const manifests: readonly Manifest[] = [
  manifest({ action_id: 'zebra', tags: ['b'] }),
  manifest({ action_id: 'apple', tags: ['a', 'b'], risk_level: 'medium', ...effect('http_write') }),
  manifest({ action_id: 'mango', tags: ['a'], risk_level: 'high', io: { ...io, response_schema } }),
  manifest({
    action_id: 'night',
    risk_level: 'critical',
    io: { ...io, response_schema },
    verification_config: { expected_status: [200] },
    ...effect('http_delete'),
  }),
]

const selections: readonly (readonly [string, readonly string[]])[] = [
  ['all', ['apple', 'mango', 'night', 'zebra']],
  ['none', []],
  ['reads', ['mango', 'zebra']],
  ['tagged:b', ['apple', 'zebra']],
  ['tagged:a,b', ['apple', 'mango', 'zebra']],
  ['listed:zebra, apple', ['apple', 'zebra']],
]

for (const [selector, ids] of selections) {
  test(`'${selector}' selects [${ids.join()}], sorted`, () => {
    const selected = selectManifests(preset(selector), manifests)
    expect(selected.map((one) => one.action_id)).toEqual(ids)
  })
}

const grants: readonly (readonly [GrantRule, readonly string[], readonly string[]])[] = [
  ['all', ['apple', 'mango', 'night', 'zebra'], ['http_delete', 'http_read', 'http_write']],
  ['none', [], []],
  ['risk_below:medium', ['zebra'], ['http_read']],
  ['risk_below:high', ['apple', 'zebra'], ['http_read', 'http_write']],
  ['risk_below:critical', ['apple', 'mango', 'zebra'], ['http_read', 'http_write']],
]

for (const [rule, allowed_actions, allowed_sinks] of grants) {
  test(`the grant ${rule} gives [${allowed_actions.join()}] and their sinks alone`, () => {
    const named = buildPolicyData(preset('all', { named_grant: rule }), manifests, ['dev', 'ops'])
    const entry = { allowed_actions, allowed_sinks, inherits_wildcard: true }
    expect(named['acl']).toEqual({
      '*': { allowed_actions: [], allowed_sinks: [] },
      dev: entry,
      ops: entry,
    })
    const everybody = buildPolicyData(preset('all', { wildcard_grant: rule }), manifests, [])
    expect(everybody['acl']).toEqual({ '*': { allowed_actions, allowed_sinks } })
  })
}

test('the document has a version, an empty place for lists, and a warning only where it is due', () => {
  expect(buildPolicyData(preset('none'), manifests, [])).toEqual({
    policy_version: 'mine-init',
    acl: { '*': { allowed_actions: [], allowed_sinks: [] } },
    latchgate: {},
  })
  const all = buildPolicyData(preset('all', { wildcard_grant: 'all' }), manifests, [])
  expect(all['_WARNING']).toBe("everybody may call every action: written by preset 'mine'")
})

test('a misspelt id or tag is refused and not passed over', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['listed:zebra,aple', "preset 'mine': there is no action 'aple' (did you mean 'apple'?)"],
    ['listed:http_fetch', "preset 'mine': there is no action 'http_fetch'"],
    ['tagged:c', "preset 'mine': there is no tag 'c'"],
    ['tagged:research', "preset 'mine': there is no tag 'research'"],
    ['every', "preset 'mine': 'every' is not a selector"],
  ]
  for (const [selector, message] of refused) {
    expect(() => selectManifests(preset(selector), manifests)).toThrow(new PresetError(message))
  }
})

for (const principal of ['', '*', '_comment', 'x'.repeat(254)]) {
  test(`'${principal.slice(0, 10)}' cannot be a named principal`, () => {
    expect(() => buildPolicyData(preset('all'), manifests, [principal])).toThrow(PresetError)
  })
}

test('a principal named as a member of every object gets an entry of its own', () => {
  const { acl } = buildPolicyData(preset('all'), manifests, ['constructor']) as { acl: object }
  expect(Object.keys(acl)).toEqual(['*', 'constructor'])
})

function effect(name: string): { readonly declared_side_effects: readonly string[] } {
  return { declared_side_effects: [name] }
}

function preset(selector: string, policy: Partial<Preset['policy']> = {}): Preset {
  return {
    name: 'mine',
    description: 'x',
    manifests: selector,
    policy: { wildcard_grant: 'none', named_grant: 'none', ...policy },
  }
}
