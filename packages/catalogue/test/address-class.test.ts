import { BlockList, isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseIpv4, parseIpv6 } from '../src/destination/ip-address.js'
import { classifyAddress } from '../src/index.js'

const BLOCKED = `127.0.0.0 127.0.0.1 127.0.42.1 127.255.255.255 10.0.0.1 10.255.255.255 172.16.0.0
172.31.255.255 192.168.0.1 192.168.255.255 169.254.0.1 169.254.169.254 169.254.255.255 100.64.0.0
100.127.255.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 0.0.0.0 192.0.2.1 198.51.100.1
203.0.113.1 ::1 :: fe80::1 fc00::1 fd00::1 fd12:3456::1 ff02::1 ff05::2 ::ffff:127.0.0.1
::ffff:10.0.0.1 ::ffff:192.168.1.1 ::ffff:169.254.169.254`

// Not blocked by the reference, and required of ours (spec 11.4, design 8).
const BLOCKED_HERE = `168.63.129.16 0.0.0.1 0.255.255.255 192.88.99.1 198.18.0.1 198.19.255.255 192.0.0.8
::127.0.0.1 ::a00:1 64:ff9b::a00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 2002:a00:1::1 2001:0:5ef5:79fd::1
2001:db8::1 100::1 fec0::1 5f00::1 3fff::1 2001:1::1 2001:20::1 1::1 4000::1 e000::1
::ffff:0:10.0.0.1 ::ffff:0.0.0.1 ::ffff:198.18.0.1`

const PUBLIC = `8.8.8.8 1.1.1.1 93.184.216.34 104.16.0.1 100.128.0.0 172.32.0.1 100.63.255.255
172.15.255.255 198.20.0.0 198.17.255.255 168.63.129.15 168.63.129.17 223.255.255.255 1.0.0.0 2606:4700::6810:85e5
2606:4700:4700::1111 2001:200::1 2001:4860:4860::8888 2003::1 2a00:1450:4001::200e 3ffe:ffff::1
::ffff:8.8.8.8 ::FFFF:0808:0808`

for (const ip of BLOCKED.split(/\s+/)) {
  test(`${ip} is not a public address`, () => {
    expect(classifyAddress(ip).public).toBe(false)
  })
}

for (const ip of BLOCKED_HERE.split(/\s+/)) {
  test(`${ip}, which the reference lets through, is not a public address`, () => {
    expect(classifyAddress(ip).public).toBe(false)
  })
}

for (const ip of PUBLIC.split(/\s+/)) {
  test(`${ip} is public`, () => {
    expect(classifyAddress(ip)).toEqual({ public: true })
  })
}

test('the answer names the range', () => {
  expect(classifyAddress('169.254.169.254')).toEqual({
    public: false,
    range: 'link-local, cloud metadata, 169.254.0.0/16',
  })
  expect(classifyAddress('fe80::1')).toEqual({ public: false, range: 'link-local, fe80::/10' })
  expect(classifyAddress('8000::1')).toEqual({ public: false, range: 'outside 2000::/3' })
})

for (const text of [
  '',
  'localhost',
  '1.2.3',
  '01.2.3.4',
  '256.1.1.1',
  '[::1]',
  '::1%eth0',
  '1:::2',
]) {
  test(`${JSON.stringify(text)} is no address, so it is not public`, () => {
    expect(classifyAddress(text)).toEqual({ public: false, range: 'not an IP address' })
  })
}

const v4 = fc.ipV4()
const v6 = fc.oneof(
  fc.ipV6(),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }).map(compact),
)

function compact(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':')
}

test('an IPv4-mapped address is judged by the IPv4 inside it', () => {
  fc.assert(
    fc.property(v4, (ip) => {
      expect(classifyAddress(`::ffff:${ip}`)).toEqual(classifyAddress(ip))
    }),
    { numRuns: 2000 },
  )
})

test('classification agrees with the block list of the runtime', () => {
  const refused = new BlockList()
  for (const range of [
    '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24',
    '192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24',
    '224.0.0.0/4 240.0.0.0/4 168.63.129.16/32',
  ].flatMap((line) => line.split(' '))) {
    const [network = '', bits] = range.split('/')
    refused.addSubnet(network, Number(bits), 'ipv4')
  }
  const global = new BlockList()
  global.addSubnet('2000::', 3, 'ipv6')
  const carved = new BlockList()
  for (const range of ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']) {
    const [network = '', bits] = range.split('/')
    carved.addSubnet(network, Number(bits), 'ipv6')
  }
  const near4 = fc
    .tuple(fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 240), fc.nat(255))
    .chain(([a, b]) => fc.tuple(fc.nat(255), fc.nat(255)).map(([c, d]) => `${a}.${b}.${c}.${d}`))
  fc.assert(
    fc.property(fc.oneof(v4, near4), (ip) => {
      expect(classifyAddress(ip).public).toBe(!refused.check(ip, 'ipv4'))
    }),
    { numRuns: 3000 },
  )
  const near6 = fc
    .tuple(fc.constantFrom(0x2001, 0x2002, 0x3fff, 0x2606, 0x1fff, 0x4000), fc.nat(0xffff))
    .map(([a, b]) => `${a.toString(16)}:${b.toString(16)}::1`)
  fc.assert(
    fc.property(fc.oneof(v6, near6), (ip) => {
      if (/^(?:0*:){5}ffff:/i.test(ip) || ip.toLowerCase().startsWith('::ffff:')) return
      const expected = global.check(ip, 'ipv6') && !carved.check(ip, 'ipv6')
      expect(classifyAddress(ip).public).toBe(expected)
    }),
    { numRuns: 3000 },
  )
})

test('the parsers accept exactly what the runtime calls an address', () => {
  const text = fc.oneof(
    v4,
    v6,
    fc
      .array(
        fc.constantFrom(':', '::', '.', '0', '1', 'ff', '255', '256', 'g', 'ffff', '1.2.3.4'),
        {
          maxLength: 12,
        },
      )
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (ip) => {
      expect(parseIpv4(ip) !== null).toBe(isIPv4(ip))
      expect(parseIpv6(ip) !== null).toBe(isIPv6(ip))
    }),
    { numRuns: 5000 },
  )
})
