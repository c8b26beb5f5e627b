import fc from 'fast-check'
import { expect, test } from 'vitest'
import { normalizeHtu } from '../src/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly cases: readonly { readonly input: string; readonly result: string | null }[]
}

test.each(loadVectors<Vectors>('htu').cases)('$input becomes $result', ({ input, result }) => {
  expect(normalizeHtu(input)).toBe(result)
})

test('what is normalised stays as it is', () => {
  const pieces = 'http HTTPS https :// : / :80 :443 Host ? # %2F [::1]'.split(' ')
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 10 }), (chosen) => {
      const text = chosen.join('')
      const once = normalizeHtu(text)
      // A default port behind a default port: `h:80:80` is no authority of any request.
      fc.pre(once !== null && !/:(?:80|443):(?:80|443)/.test(text))
      expect(normalizeHtu(once)).toBe(once)
    }),
    { numRuns: 2000 },
  )
})

test('for real URLs it is origin and path, as the platform reads them', () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
  fc.assert(
    fc.property(
      fc.constantFrom('http', 'https'),
      fc.array(label, { minLength: 1, maxLength: 3 }),
      fc.option(fc.integer({ min: 1, max: 65535 })),
      fc.array(fc.stringMatching(/^[A-Za-z0-9_~-]{1,8}$/)),
      (scheme, labels, port, segments) => {
        const authority = labels.join('.') + (port === null ? '' : `:${port}`)
        const url = `${scheme}://${authority}/${segments.join('/')}`
        const parsed = new URL(url)
        expect(normalizeHtu(`${url}?q#f`)).toBe(parsed.origin + parsed.pathname)
      },
    ),
  )
})
