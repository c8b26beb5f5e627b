import { expect, test } from 'vitest'
import { exampleUrl, hasLiteralHost, parseUrlTemplate } from '../src/template/url-template.js'

test('a template in its parts', () => {
  expect(parseUrlTemplate('HTTPS://{{a}}.example.com:443/x/{{b}}-{{c}}?d={{e}}&f')).toEqual({
    ok: true,
    value: {
      kind: 'parts',
      scheme: 'https',
      authority: [{ name: 'a' }, { literal: '.example.com:443' }],
      segments: [[{ literal: 'x' }], [{ name: 'b' }, { literal: '-' }, { name: 'c' }]],
      query: [
        { name: 'd', value: [{ name: 'e' }] },
        { name: 'f', value: [] },
      ],
    },
  })
})

test("one placeholder is the caller's URL", () => {
  expect(parseUrlTemplate(' {{ url }} ')).toEqual({
    ok: true,
    value: { kind: 'caller', name: 'url' },
  })
})

const refused: readonly (readonly [string, string])[] = [
  ['', 'it must begin with https:// or http://'],
  ['ftp://a.com/', 'it must begin with https:// or http://'],
  ['//a.com/', 'it must begin with https:// or http://'],
  ['{{scheme}}://a.com/', 'it must begin with https:// or http://'],
  ['{{base}}/items', 'it must begin with https:// or http://'],
  ['https://a.com/#x', 'without a fragment'],
  ['https://a.com/?a=b#{{x}}', 'without a fragment'],
  ['https:///x', 'it has no host'],
  ['https://', 'it has no host'],
  ['https://user@a.com/', 'user information'],
  ['https://{{user}}@a.com/', 'user information'],
  ['https://a b.com/', 'user information or white space'],
  ['https://a.com\\x/', 'user information or white space'],
  ['https://a.com:x/', "'a.com:x' is not a host"],
  ['https://[::1/', "'[::1' is not a host"],
  ['https://a.com/../x', "the path '/../x' is not in normal form (it would become '/x')"],
  ['https://a.com/a b', "(it would become '/a%20b')"],
  ['https://a.com/a\\b', "(it would become '/a/b')"],
  ['https://a.com/{{a', "'{{' without '}}'"],
  ['https://a.com/{{a/b}}', 'does not hold the name of a parameter'],
]

for (const [text, error] of refused) {
  test(`'${text}' is refused: ${error}`, () => {
    const parsed = parseUrlTemplate(text)
    expect(parsed.ok ? 'accepted' : parsed.error).toContain(error)
  })
}

const hosts: readonly (readonly [string, string | null, boolean])[] = [
  ['https://API.example.com/{{x}}', 'https://api.example.com/', true],
  ['http://a.com:8080/', 'http://a.com:8080/', true],
  ['https://{{t}}.example.com/', 'https://x.example.com/', false],
  ['https://{{host}}/', 'https://x/', false],
  ['{{url}}', null, false],
]

for (const [text, example, literal] of hosts) {
  test(`the host of '${text}' ${literal ? 'is' : 'is not'} literal`, () => {
    const parsed = parseUrlTemplate(text)
    if (!parsed.ok) throw new Error(parsed.error)
    expect(exampleUrl(parsed.value)?.href ?? null).toBe(example)
    expect(hasLiteralHost(parsed.value)).toBe(literal)
  })
}
