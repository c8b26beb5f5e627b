import { expect, test } from 'vitest'
import { loopbackOnly } from '../src/loopback-only.js'

test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])(
  'a test may connect to %s',
  (ip) => {
    expect(loopbackOnly({ ip, port: 7 })).toEqual({ ip, port: 7 })
  },
)

test.each([
  '8.8.8.8',
  '10.0.0.1',
  '128.0.0.1',
  '169.254.169.254',
  '::',
  '2000::1',
  '::ffff:808:808',
])('a test that would connect to %s fails before it does', (ip) => {
  const expected = `a test would have connected to ${ip}:443`
  expect(() => loopbackOnly({ ip, port: 443 })).toThrow(expected)
})
