import { expect, test } from 'vitest'
import { peerKey } from '../../src/http/peer-key.js'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::', '2001:db8:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['unknown', 'unknown'],
])('%s is counted as %s', (address, key) => {
  expect(peerKey(address)).toBe(key)
})

test('no two addresses of one IPv6 network are counted apart', () => {
  const keys = Array.from({ length: 1000 }, (_, i) =>
    peerKey(`2001:db8:a:b:${(i * 65).toString(16)}::${i.toString(16)}`),
  )
  expect([...new Set(keys)]).toEqual(['2001:db8:a:b::/64'])
})
