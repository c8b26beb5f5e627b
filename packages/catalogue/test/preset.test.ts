import type { Json } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GRANT_RULES, parsePreset } from '../src/index.js'
import { parseSelector, type Selector } from '../src/presets/preset.js'

const PLAIN = {
  name: 'mine',
  description: 'For me.',
  manifests: 'listed:http_fetch',
  policy: { wildcard_grant: 'risk_below:high', named_grant: 'all' },
}

test('a preset is read with every member', () => {
  expect(parsePreset({ preset: PLAIN }, 'mine.toml')).toEqual({ ok: true, value: PLAIN })
})

for (const [wildcard_grant, named_grant] of [
  ['none', 'none'],
  ['all', 'all'],
  ['risk_below:medium', 'all'],
]) {
  test(`without named_grant, ${wildcard_grant} for everybody gives named principals ${named_grant}`, () => {
    const read = parsePreset({ preset: { ...PLAIN, policy: { wildcard_grant } } as Json }, 'm')
    expect(read.ok && read.value.policy).toEqual({ wildcard_grant, named_grant })
  })
}

const rules = GRANT_RULES.join(', ')
const problems: readonly (readonly [string, Json, string, string, string])[] = [
  ['no table', {}, 'preset', 'the table is missing', 'begin with [preset]'],
  ['a list', [], 'preset', 'the table is missing', 'begin with [preset]'],
  [
    'an unknown key',
    { preset: { ...PLAIN, manifest: 'all' } },
    'preset.manifest',
    "unknown key 'manifest'",
    "did you mean 'manifests'?",
  ],
  ['no name', { preset: { ...PLAIN, name: null } }, 'preset.name', 'name is missing', 'add name'],
  [
    'an empty description',
    { preset: { ...PLAIN, description: '' } },
    'preset.description',
    'description must not be empty',
    'e.g. description',
  ],
  [
    'a selector that is none',
    { preset: { ...PLAIN, manifests: 'tag:agent' } },
    'preset.manifests',
    "'tag:agent' is not a selector",
    'use all, none, reads, tagged:a,b or listed:a,b',
  ],
  [
    'an empty selector',
    { preset: { ...PLAIN, manifests: 'tagged: ,' } },
    'preset.manifests',
    "'tagged:' names nothing",
    'tagged:a,b',
  ],
  [
    'no grant',
    { preset: { ...PLAIN, policy: {} } },
    'preset.policy.wildcard_grant',
    'wildcard_grant is missing',
    `use ${rules}`,
  ],
  [
    'risk_below:low, which grants nothing and reads as if it granted something',
    { preset: { ...PLAIN, policy: { wildcard_grant: 'risk_below:low' } } },
    'preset.policy.wildcard_grant',
    `"risk_below:low" is not one of ${rules}`,
    '',
  ],
  [
    'a misspelt grant',
    { preset: { ...PLAIN, policy: { wildcard_grant: 'all', named_grant: 'al' } } },
    'preset.policy.named_grant',
    '"al" is not one of',
    "did you mean 'all'?",
  ],
]

for (const [title, document, key, problem, fix] of problems) {
  test(`${title} is one problem at ${key}`, () => {
    const read = parsePreset(document, 'mine.toml')
    expect(read).toEqual({
      ok: false,
      error: [
        {
          file: 'mine.toml',
          key,
          problem: expect.stringContaining(problem) as string,
          fix: expect.stringContaining(fix) as string,
        },
      ],
    })
  })
}

const selectors: readonly (readonly [string, Selector])[] = [
  ['all', { kind: 'all', names: [] }],
  ['none', { kind: 'none', names: [] }],
  ['reads', { kind: 'reads', names: [] }],
  ['tagged:agent', { kind: 'tagged', names: ['agent'] }],
  ['tagged:agent,devops', { kind: 'tagged', names: ['agent', 'devops'] }],
  ['listed: a , b,,a', { kind: 'listed', names: ['a', 'b'] }],
]

for (const [text, selector] of selectors) {
  test(`the selector '${text}'`, () => {
    expect(parseSelector(text)).toEqual({ ok: true, value: selector })
  })
}

for (const text of ['', 'ALL', ' all', 'tagged', 'listed:', 'tagged:,', 'all:x']) {
  test(`'${text}' is not a selector`, () => {
    expect(parseSelector(text).ok).toBe(false)
  })
}

test('no document makes the reader throw, and every refusal names key and fix', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const read = parsePreset({ preset: value } as Json, 'f')
      if (read.ok) return
      for (const one of read.error) {
        expect([one.key, one.problem, one.fix].every((text) => text !== '')).toBe(true)
      }
    }),
  )
})
