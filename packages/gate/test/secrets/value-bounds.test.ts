import { expect, test } from 'vitest'
import { EnvironmentSecrets } from '../../src/secrets/environment.js'
import { MAX_SECRET_BYTES } from '../../src/secrets/value-bounds.js'

const start = (value: string): unknown =>
  new EnvironmentSecrets({ LATCHGATE_SECRET_TOKEN: value }, 'LATCHGATE_SECRET_')

test.each<[string, string]>([
  ['nothing but backslashes', '\\'.repeat(9)],
  ['mostly percent signs', '%%%a%%%b%%%c'],
  ['percent signs for 64 KiB', '%'.repeat(65_536)],
  ['mostly ampersands', `&&&&&&&&&${'a'.repeat(8)}`],
])('a secret of %s stops the start, and its value is not quoted', (_name, value) => {
  const problem = value.length > MAX_SECRET_BYTES ? 'longer than 16384 bytes' : 'mostly backslashes'
  expect(() => start(value)).toThrow(`secret LATCHGATE_SECRET_TOKEN is ${problem}`)
  expect(() => start(value)).not.toThrow(value)
})

test('a secret of one byte more than the longest stops the start', () => {
  expect(() => start('a'.repeat(MAX_SECRET_BYTES + 1))).toThrow('is longer than 16384 bytes')
  expect(() => start('é'.repeat(MAX_SECRET_BYTES / 2 + 1))).toThrow('is longer than 16384 bytes')
  expect(start('a'.repeat(MAX_SECRET_BYTES))).toBeInstanceOf(EnvironmentSecrets)
})

test.each(['%%%%%%%%', '\\\\server\\share\\a', 'a&b=c&d=%20%20%20%20%20&e=\\', '%25'.repeat(30)])(
  'a secret such as %j is taken',
  async (value) => {
    const secrets = new EnvironmentSecrets({ X_T: value }, 'X_')
    expect((await secrets.get('T'))?.reveal()).toBe(value)
  },
)
