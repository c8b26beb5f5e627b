import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'smol-toml'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.js'
import { postureProblems } from '../../src/config/posture.js'
import { CONFIG_SCHEMA, ENVIRONMENT_KEYS } from '../../src/config/schema.js'

const pageOf = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../../../docs/${name}`, import.meta.url)), 'utf8')

const PAGE = pageOf('configuration.md')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
}

/** Every key of a schema with its path; `<name>` stands for a name that the user chooses, `[]` for a list. */
function keysOf(schema: Schema, prefix = ''): readonly string[] {
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const inside = keysOf(value, `${prefix}${key}.`)
    if (inside.length > 0) return inside
    const listed = keysOf(value.items ?? {}, `${prefix}${key}[].`)
    return listed.length > 0 ? listed : [`${prefix}${key}`]
  })
  const { additionalProperties: any } = schema
  if (typeof any !== 'object') return named
  const inside = keysOf(any, `${prefix}<name>.`)
  return inside.length > 0 ? inside : [`${prefix}<name>`]
}

interface Row {
  readonly key: string
  readonly value: string
  readonly variable: string
}

/** The rows of all tables: their keys belong to the `## [table]` above them. */
function documentedRows(): readonly Row[] {
  return PAGE.split(/^## /m).flatMap((section) => {
    const table = /^`\[(.+?)\]`/.exec(section)?.[1]
    const prefix = table === undefined ? '' : `${table}.`
    return [...section.matchAll(/^\| `([^`|]+)` \| (.*?) \| (.*?) \|(?: .*\|)?$/gm)].map(
      ([, key = '', value = '', variable = '']) => ({ key: prefix + key, value, variable }),
    )
  })
}

const ROWS = documentedRows()
const KEYS = keysOf(CONFIG_SCHEMA as Schema)

test('docs/configuration.md documents every key of the schema, and no other', () => {
  expect(ROWS.map(({ key }) => key).toSorted()).toEqual([...KEYS].toSorted())
  expect(KEYS.length).toBeGreaterThan(40)
})

test('every variable stands beside the key that it overrides', () => {
  const documented = ROWS.flatMap(({ key, variable }) =>
    [...variable.matchAll(/`(LATCHGATE_[A-Z_]+)`/g)].map(([, name]) => [name, key]),
  )
  expect(Object.fromEntries(documented)).toEqual(ENVIRONMENT_KEYS)
})

test('every default in docs/configuration.md is the one of the schema', () => {
  const defaults: unknown = parseConfig({}, { root: '/r', env: {}, label: 'test' })
  const literal = ROWS.filter(
    ({ key, value }) => /^`[^`]+`$/.test(value) && !key.includes('<name>'),
  )
  expect(literal.length).toBeGreaterThan(20)
  for (const { key, value } of literal) {
    const actual = key
      .split('.')
      .reduce<unknown>((at, part) => (at as Readonly<Record<string, unknown>>)[part], defaults)
    const shown = typeof actual === 'string' ? `"${actual.replace('/r/', '')}"` : String(actual)
    expect([key, /^`([^`]+)`/.exec(value)?.[1]]).toEqual([key, shown])
  }
})

test.each(['configuration.md', 'identity.md'])(
  'the TOML in docs/%s is accepted, with every promise kept',
  (name) => {
    const blocks = [...pageOf(name).matchAll(/```toml\n(.*?)```/gs)].map(([, text = '']) => text)
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) {
      const document = structuredClone(parse(block)) as Record<string, unknown>
      const config = parseConfig(document, { root: '/r', env: {}, label: 'test' })
      expect(postureProblems(config, { uid: 1000, addressSpaceLimit: null })).toEqual([])
    }
  },
)
