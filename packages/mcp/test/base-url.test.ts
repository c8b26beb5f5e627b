import { expect, test } from 'vitest'
import { checkedBaseUrl } from '../src/base-url.js'

test('a base is kept as it is written, but for slashes at its end', () => {
  expect(checkedBaseUrl('--gate-url', 'https://Gate.example:443/base//')).toBe(
    'https://Gate.example:443/base',
  )
})

test.each(['ftp://x', 'gate.example', ''])('%j is no web address, and is named', (value) => {
  expect(() => checkedBaseUrl('--gate-url', value)).toThrow(
    `--gate-url must be an http:// or https:// URL, got '${value}'`,
  )
})

test.each(['https://a:secret@gate.example', 'https://gate.example?a=secret', 'http://x/#secret'])(
  '%j is refused without what it holds',
  (value) => {
    const check = (): unknown => checkedBaseUrl('--public-base-url', value)
    expect(check).toThrow('--public-base-url must not hold user, query or fragment')
    expect(check).not.toThrow('secret')
  },
)
