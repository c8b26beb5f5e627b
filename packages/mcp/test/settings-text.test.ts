import fc from 'fast-check'
import { parse as parseJsonc } from 'jsonc-parser'
import { parse as parseToml, stringify as stringifyToml } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml, stringify as stringifyYaml } from 'yaml'
import { jsonSettings } from '../src/install/json-settings.js'
import type { ServerEntry } from '../src/install/server-entry.js'
import type { SettingsText } from '../src/install/settings-text.js'
import { tomlSettings } from '../src/install/toml-settings.js'
import { yamlSettings } from '../src/install/yaml-settings.js'

const ENTRY: ServerEntry = {
  command: '/opt/a "b"/latchgate-mcp',
  args: ['serve', '--gate-socket', '/run/é #x: [y].sock'],
  env: { LATCHGATE_AGENT_ID: 'x', RUST_LOG: 'warn' },
}

const PLAIN = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })
const NAME = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/).filter((one) => one !== 'latchgate')
const SERVER = fc.record({ command: PLAIN, args: fc.array(PLAIN, { maxLength: 3 }) })
const SETTINGS = fc.record(
  {
    before: fc.oneof(PLAIN, fc.integer(), fc.boolean()),
    servers: fc.dictionary(NAME, SERVER, { maxKeys: 4 }),
    after: fc.record({ deep: PLAIN }),
  },
  { noNullPrototype: true },
)

interface Form {
  readonly name: string
  readonly editor: SettingsText
  readonly write: (value: object, style: number) => string
  readonly parse: (text: string) => unknown
}

const FORMS: readonly Form[] = [
  {
    name: 'JSON with comments',
    editor: jsonSettings,
    write: (value, style) => {
      const text = JSON.stringify(value, null, [0, 2, 4, '\t'][style % 4])
      const noted = text.replaceAll(/\n/g, '\n// note, with { and ,\n')
      return style < 4 ? text : style < 8 ? noted : noted.replaceAll('\n', '\r\n')
    },
    parse: (text) => parseJsonc(text) as unknown,
  },
  {
    name: 'TOML',
    editor: tomlSettings,
    write: (value, style) => {
      const text = stringifyToml(value)
      return style % 2 === 0 ? text : `# note\n${text}\n# [mcp.latchgate] is not here\n`
    },
    parse: (text) => parseToml(text),
  },
  {
    name: 'YAML',
    editor: yamlSettings,
    write: (value, style) => {
      const text = stringifyYaml(value, { indent: [2, 4][style % 2] ?? 2 })
      return style % 3 === 0 ? text : `# note\n${text.replace('\n', '  # note\n')}# end\n`
    },
    parse: (text) => parseYaml(text) as unknown,
  },
]

/** Whether `short` is what is left of `long` when characters are taken out. */
function isSubsequence(short: string, long: string): boolean {
  let at = 0
  for (const character of short) {
    at = long.indexOf(character, at)
    if (at === -1) return false
    at += character.length
  }
  return true
}

for (const { name, editor, write, parse } of FORMS) {
  describe(`${name}:`, () => {
    const place = { serverMap: 'servers', name: 'latchgate' }

    it('an entry is put in without taking one character away, and nothing else gets a new value', () => {
      fc.assert(
        fc.property(SETTINGS, fc.nat(11), (settings, style) => {
          const text = write(settings, style)
          const edited = editor.insert(text, place, ENTRY)
          expect(isSubsequence(text, edited)).toBe(true)
          expect(plain(parse(edited))).toEqual(
            plain({ ...settings, servers: { ...settings.servers, latchgate: ENTRY } }),
          )
          expect(plain(editor.read(edited, place))).toEqual(plain(ENTRY))
        }),
      )
    })

    it('taking the entry out leaves every other value as it was', () => {
      fc.assert(
        fc.property(SETTINGS, fc.nat(11), (settings, style) => {
          const edited = editor.insert(write(settings, style), place, ENTRY)
          const left = editor.remove(edited, place)
          expect(editor.read(left, place)).toBeUndefined()
          const { servers, ...others } = settings
          const found = plain(parse(left)) as Record<string, unknown>
          expect({ ...found, servers: found['servers'] ?? {} }).toEqual(
            plain({ ...others, servers }),
          )
        }),
      )
    })

    it('an entry in an empty file can be read again', () => {
      const text = editor.insert('', place, ENTRY)
      expect(plain(editor.read(text, place))).toEqual(plain(ENTRY))
    })
  })
}

describe('refusals name the place', () => {
  const place = { serverMap: 'servers', name: 'latchgate' }
  it.each([
    ['{\n  "a": 1,\n  oops\n}', 'line 3, column 3: not JSON (InvalidSymbol)'],
    ['[1]', 'line 1, column 1: the settings must be an object'],
    ['{"servers": []}', "line 1, column 13: 'servers' must be an object"],
    ['{"servers": {},\n"servers": {}}', "line 2, column 1: 'servers' is there twice"],
  ])('JSON %j', (text, message) => {
    expect(() => jsonSettings.insert(text, place, ENTRY)).toThrow(message)
  })

  it.each([
    ['a = 1\nb = = 2\n', 'line 2, column 5: not TOML'],
    ['servers = 3\n', "'servers' must be a table"],
    ['servers = { a = { command = "x" } }\n', 'by hand'],
  ])('TOML %j', (text, message) => {
    expect(() => tomlSettings.insert(text, place, ENTRY)).toThrow(message)
  })

  it.each([
    ['a: 1\nb: [1\n', 'line 3, column 1: not YAML'],
    ['- 1\n', 'the settings must be a mapping'],
    ['servers: 3\n', "'servers' must be a mapping"],
    ['a: 1\na: 2\n', 'not YAML'],
    ['a: 1\n---\nb: 2\n', 'more than one YAML document'],
  ])('YAML %j', (text, message) => {
    expect(() => yamlSettings.insert(text, place, ENTRY)).toThrow(message)
  })
})

describe('commas and comments', () => {
  const place = { serverMap: 'servers', name: 'latchgate' }

  it.each([
    '{\n  "servers": {\n    "a": 1,\n  },\n}\n',
    '{\n  "servers": {\n    "a": 1 /* , */ // , more\n    // last\n  }\n}\n',
    '{\n  "servers": {\n    "latch": "http://a, b" // https://c\n  }, // end\n}\n',
    '{"servers":{"a":1}}',
    '{"servers":{"a":1,}}',
  ])('%j comes back as it was', (text) => {
    const edited = jsonSettings.insert(text, place, ENTRY)
    expect(jsonSettings.read(edited, place)).toEqual(ENTRY)
    expect(jsonSettings.remove(edited, place)).toBe(text)
  })
})

describe('tables that other hands wrote', () => {
  const place = { serverMap: 'mcp_servers', name: 'latchgate' }

  it('a table of its own for env goes too, and a comment above the next table stays', () => {
    const text =
      '[mcp_servers.latchgate]\ncommand = "x"\nargs = [\n  "a",\n]\n\n[mcp_servers.latchgate.env]\nA = "b"\n\n# other\n[other]\nx = 1\n'
    expect(tomlSettings.remove(text, place)).toBe('\n# other\n[other]\nx = 1\n')
  })

  it('two headers inside of a text are no table', () => {
    const note = 'a = """\n[mcp_servers.latchgate]\nb\n[c]\n"""\n'
    const text = `${note}\n[mcp_servers.latchgate]\ncommand = "x"\n`
    expect(tomlSettings.remove(text, place)).toBe(note)
  })

  it('a header inside of a text is no header', () => {
    const text = 'a = """\n[mcp_servers.latchgate]\n"""\n\n[mcp_servers.latchgate]\ncommand = "x"\n'
    expect(tomlSettings.remove(text, place)).toBe('a = """\n[mcp_servers.latchgate]\n"""\n')
  })
})

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
