import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DOMAIN_FAULTS,
  hostMatches,
  validateLearnedDomain,
  validateManifestDomain,
} from '../src/index.js'

type Expected = { readonly ok: string } | { readonly fault: string }

const same = (expected: Expected): readonly [Expected, Expected] => [expected, expected]

// Actions spec 20.4: input, learned, manifest.
const rows: readonly (readonly [string, Expected, Expected])[] = [
  ['', ...same({ fault: 'Empty' })],
  ['   ', ...same({ fault: 'Empty' })],
  ['\t', ...same({ fault: 'Empty' })],
  ['.', ...same({ fault: 'Empty' })],
  ['hello world.com', ...same({ fault: 'ContainsWhitespace' })],
  ['  example.com  ', ...same({ ok: 'example.com' })],
  ['example.com.', ...same({ ok: 'example.com' })],
  ['EXAMPLE.com', ...same({ ok: 'example.com' })],
  ['127.0.0.1', { fault: 'PrivateIp' }, { ok: '127.0.0.1' }],
  ['10.0.0.1', { fault: 'PrivateIp' }, { ok: '10.0.0.1' }],
  ['169.254.169.254', { fault: 'PrivateIp' }, { ok: '169.254.169.254' }],
  ['[::1]', { fault: 'PrivateIp' }, { ok: '[::1]' }],
  ['[fc00::1]', { fault: 'PrivateIp' }, { ok: '[fc00::1]' }],
  ['[fe80::1]', { fault: 'PrivateIp' }, { ok: '[fe80::1]' }],
  ['8.8.8.8', ...same({ ok: '8.8.8.8' })],
  ['localhost', { fault: 'Localhost' }, { ok: 'localhost' }],
  ['LOCALHOST', { fault: 'Localhost' }, { ok: 'localhost' }],
  ['intranet', { fault: 'NoDot' }, { ok: 'intranet' }],
  ['*', ...same({ fault: 'WildcardInvalid' })],
  ['foo.*.com', ...same({ fault: 'WildcardInvalid' })],
  ['example.*', ...same({ fault: 'WildcardInvalid' })],
  ['*.*.example.com', ...same({ fault: 'WildcardInvalid' })],
  ['*.', ...same({ fault: 'WildcardInvalid' })],
  ['*.com', ...same({ fault: 'WildcardSuffixTooShort' })],
  ['*.example.com', { fault: 'WildcardSuffixUnsafe' }, { ok: '*.example.com' }],
  ['*.s3.amazonaws.com', ...same({ ok: '*.s3.amazonaws.com' })],
  ['*.S3.AMAZONAWS.COM.', ...same({ ok: '*.s3.amazonaws.com' })],
  ['*.foo_bar.example.com', ...same({ fault: 'InvalidCharacter' })],
  ['foo_bar.com', ...same({ fault: 'InvalidCharacter' })],
  ['foo@bar.com', ...same({ fault: 'InvalidCharacter' })],
  ['foo/bar.com', ...same({ fault: 'InvalidCharacter' })],
  ['foo..bar.com', ...same({ fault: 'EmptyLabel' })],
  ['.example.com', ...same({ fault: 'EmptyLabel' })],
  ['*.foo..example.com', ...same({ fault: 'EmptyLabel' })],
  [`${'a'.repeat(64)}.com`, ...same({ fault: 'LabelTooLong' })],
  [`*.${'a'.repeat(64)}.example.com`, ...same({ fault: 'LabelTooLong' })],
  [`${'a'.repeat(63)}.com`, ...same({ ok: `${'a'.repeat(63)}.com` })],
  [`${`${'a'.repeat(63)}.`.repeat(4)}com`, ...same({ fault: 'TooLong' })],
  [`${'abc.'.repeat(63)}com`, ...same({ fault: 'TooLong' })],
  ['münchen.de', ...same({ fault: 'InvalidCharacter' })],
]

// 0.2.0 took a single label as it was, never matched what was written otherwise, and had no exact form.
const mended: readonly (readonly [string, Expected, Expected])[] = [
  ['intra_net', ...same({ fault: 'InvalidCharacter' })],
  ['2130706433', { fault: 'PrivateIp' }, { ok: '127.0.0.1' }],
  ['0x7f.1', { fault: 'PrivateIp' }, { ok: '127.0.0.1' }],
  ['::1', { fault: 'PrivateIp' }, { ok: '[::1]' }],
  ['[::FFFF:127.0.0.1]', { fault: 'PrivateIp' }, { ok: '[::ffff:7f00:1]' }],
  ['*.3.4', ...same({ fault: 'WildcardInvalid' })],
  ['=api.github.com', ...same({ ok: '=api.github.com' })],
  ['=API.github.com.', ...same({ ok: '=api.github.com' })],
  ['=', ...same({ fault: 'Empty' })],
  ['=*.example.com', ...same({ fault: 'WildcardInvalid' })],
  ['=10.0.0.1', { fault: 'PrivateIp' }, { ok: '=10.0.0.1' }],
]

for (const [title, table] of [
  ['as a learned and as a manifest entry', rows],
  ['as an entry, beyond 0.2.0 (design 8)', mended],
] as const) {
  for (const [text, learned, manifest] of table) {
    test(`${JSON.stringify(text.slice(0, 40))} (${text.length}) ${title}`, () => {
      expect(shown(validateLearnedDomain(text))).toEqual(learned)
      expect(shown(validateManifestDomain(text))).toEqual(manifest)
    })
  }
}

test('force admits a wildcard over a registered domain, and nothing shorter', () => {
  expect(shown(validateLearnedDomain('*.example.com', { force: true }))).toEqual({
    ok: '*.example.com',
  })
  expect(shown(validateLearnedDomain('*.com', { force: true }))).toEqual({
    fault: 'WildcardSuffixTooShort',
  })
})

test('every fault has words', () => {
  for (const words of Object.values(DOMAIN_FAULTS)) expect(words).not.toBe('')
})

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc
    .array(fc.constantFrom('a', 'B', '.', '*', '*.', '=', '1', '-', ':', '[', ']', ' ', 'x'), {
      maxLength: 10,
    })
    .map((parts) => parts.join('')),
)

test('an accepted entry is lower case and is accepted again as it is', () => {
  fc.assert(
    fc.property(text, (input) => {
      for (const validate of [validateLearnedDomain, validateManifestDomain]) {
        const once = validate(input)
        if (!once.ok) continue
        expect(once.value).not.toMatch(/[A-Z]/)
        expect(validate(once.value)).toEqual(once)
      }
    }),
    { numRuns: 3000 },
  )
})

test('whatever may be learned may stand in a manifest', () => {
  fc.assert(
    fc.property(text, (input) => {
      const learned = validateLearnedDomain(input)
      if (learned.ok) expect(validateManifestDomain(input)).toEqual(learned)
    }),
    { numRuns: 2000 },
  )
})

test('an accepted entry covers the very host it names', () => {
  fc.assert(
    fc.property(text, (input) => {
      const entry = validateManifestDomain(input)
      if (!entry.ok) return
      const host = entry.value.replace(/^=/, '').replace(/^\*\./, 'x.')
      expect(hostMatches(host, [entry.value])).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

function shown(result: ReturnType<typeof validateManifestDomain>): Expected {
  return result.ok ? { ok: result.value } : { fault: result.error }
}
