import { loopbackOnly } from '@latchgate/testkit'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { canonicalAddress } from '../../src/egress/canonical-address.js'
import { systemAddresses } from '../../src/egress/own-addresses.js'
import { createEgress } from '../../src/egress/pinned-client.js'
import type { Egress, Route } from '../../src/egress/port.js'
import { AddressVetting } from '../../src/egress/vetted-addresses.js'
import { requestTo } from './egress-fixture.js'

const NAME = 'name.example.com'

function vetting(addresses: readonly string[], own: readonly string[] = []): AddressVetting {
  return new AddressVetting(
    async () => addresses,
    () => own,
  )
}

function resolvingTo(
  lookup: (host: string) => Promise<readonly string[]>,
  route: Route = loopbackOnly,
): Egress {
  const egress = createEgress({
    unsafeResolve: new Map(),
    extraCaPem: null,
    route,
    lookup,
  })
  onTestFinished(() => egress.close())
  return egress
}

// actions spec 20.2, and the ranges that design 8 adds.
const BLOCKED = `127.0.0.0 127.0.0.1 127.0.42.1 127.255.255.255 10.0.0.1 10.255.255.255 172.16.0.0
  172.31.255.255 192.168.0.1 192.168.255.255 169.254.0.1 169.254.169.254 169.254.255.255 100.64.0.0
  100.127.255.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 0.0.0.0 192.0.2.1 198.51.100.1
  203.0.113.1 ::1 :: fe80::1 fc00::1 fd00::1 fd12:3456::1 ff02::1 ff05::2 ::ffff:127.0.0.1
  ::ffff:10.0.0.1 ::ffff:192.168.1.1 ::ffff:169.254.169.254 0.1.2.3 198.18.0.1 198.19.255.255
  192.88.99.1 192.0.0.1 ::7f00:1 64:ff9b::808:808 64:ff9b:1::1 2001::1 2001:db8::1 2002:7f00:1::1
  3fff::1 100::1 fec0::1 5f00::1 4000::1`.split(/\s+/)
const PUBLIC = `8.8.8.8 1.1.1.1 93.184.216.34 104.16.0.1 100.128.0.0 172.32.0.1 2606:4700::6810:85e5
  2606:4700:4700::1111 ::ffff:8.8.8.8`.split(/\s+/)

test('a name that resolves to any refused range is refused, wherever the address stands', async () => {
  for (const address of BLOCKED) {
    for (const addresses of [[address], ['8.8.8.8', address], [address, '8.8.8.8']]) {
      const result = await vetting(addresses).vet(NAME, false)
      expect(result).toMatchObject({ ok: false, error: { type: 'egress_denied' } })
      const message = result.ok ? '' : result.error.message
      expect(message).toMatch(
        /^name\.example\.com resolves to an address that is not public \(.+\)$/,
      )
      // Inside addresses are not the agent's to learn.
      expect(message).not.toContain(`${address} `)
    }
  }
})

test('public addresses pass, in the order of the resolver, each once, in one spelling', async () => {
  for (const address of PUBLIC) {
    expect(await vetting([address]).vet(NAME, false)).toMatchObject({ ok: true })
  }
  const several = ['2606:4700:0::1', '8.8.8.8', '::ffff:8.8.8.8', '2606:4700::1', '1.1.1.1']
  expect(await vetting(several).vet(NAME, false)).toEqual({
    ok: true,
    value: ['2606:4700::1', '8.8.8.8', '1.1.1.1'],
  })
})

test('what is not an address, or nothing at all, is not connected to', async () => {
  for (const address of [
    'fe80::1%eth0',
    '2606:4700::1%eth0',
    'localhost',
    '',
    '8.8.8.8 ',
    '8.8.8',
  ]) {
    expect((await vetting([address]).vet(NAME, false)).ok).toBe(false)
  }
  expect(await vetting([]).vet(NAME, false)).toEqual({
    ok: false,
    error: { type: 'upstream_unreachable', message: `${NAME} has no address` },
  })
})

test("addresses of the gate's own interfaces are refused in every spelling", async () => {
  const own = ['8.8.4.4', '2606:4700:0:0::1']
  for (const address of ['8.8.4.4', '::ffff:8.8.4.4', '::ffff:808:404', '2606:4700::1']) {
    expect(await vetting(['1.1.1.1', address], own).vet(NAME, false)).toEqual({
      ok: false,
      error: {
        type: 'egress_denied',
        message: `${NAME} resolves to an address of this host itself`,
      },
    })
  }
  expect((await vetting(['8.8.4.5'], own).vet(NAME, false)).ok).toBe(true)
})

test("the system's own addresses are read, loopback among them", () => {
  expect(systemAddresses()()).toContain('127.0.0.1')
})

test('an IPv4 address and its mapped form are one address', () => {
  fc.assert(
    fc.property(fc.ipV4(), (v4) => {
      expect(canonicalAddress(v4)).toBe(v4)
      expect(canonicalAddress(`::ffff:${v4}`)).toBe(v4)
      expect(canonicalAddress(`0:0:0:0:0:FFFF:${v4}`)).toBe(v4)
    }),
  )
})

test('canonical spelling is stable and equal for equal IPv6 addresses', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }),
      (groups) => {
        const long = groups.map((group) => group.toString(16).padStart(4, '0')).join(':')
        const canonical = canonicalAddress(long)
        expect(canonical).not.toBeNull()
        expect(canonicalAddress(long.toUpperCase())).toBe(canonical)
        expect(canonicalAddress(canonical ?? '')).toBe(canonical)
      },
    ),
  )
})

test('a name that changes its address between check and connect cannot: it is resolved once', async () => {
  const answers = [['2000::1'], ['127.0.0.1'], ['169.254.169.254']]
  const asked: string[] = []
  const dialed: string[] = []
  const egress = resolvingTo(
    async (host) => {
      asked.push(host)
      return answers.shift() ?? []
    },
    // Nothing listens there.
    (vetted) => {
      dialed.push(vetted.ip)
      return { ip: '127.0.0.1', port: 1 }
    },
  )
  const first = await egress.request(requestTo('https://rebind.example.com/'))
  expect(first).toMatchObject({ outcome: 'not_sent', address: '[2000::1]:443', status: null })
  expect([asked, dialed]).toEqual([['rebind.example.com'], ['2000::1']])
  // The next request sees the changed answer, and refuses it.
  const second = await egress.request(requestTo('https://rebind.example.com/'))
  expect(second.error).toMatchObject({ type: 'egress_denied' })
  expect(second.error?.message).toContain('(loopback')
  expect([asked.length, dialed.length]).toEqual([2, 1])
})

test('a name that does not resolve is unreachable, and nothing was sent', async () => {
  const egress = resolvingTo(async () => {
    throw Object.assign(new Error('getaddrinfo ENOTFOUND secret-detail'), { code: 'ENOTFOUND' })
  })
  expect(await egress.request(requestTo('https://gone.example.com/'))).toMatchObject({
    outcome: 'not_sent',
    address: null,
    error: { type: 'upstream_unreachable', message: 'cannot resolve gone.example.com (ENOTFOUND)' },
  })
})

test('a resolver that hangs costs the time of the call, and one lookup for all who wait', async () => {
  const asked: string[] = []
  const egress = resolvingTo((host) => {
    asked.push(host)
    return new Promise(() => undefined)
  })
  const results = await Promise.all(
    Array.from({ length: 5 }, () =>
      egress.request(requestTo('https://hang.example.com/', { timeoutMs: 60 })),
    ),
  )
  for (const result of results) {
    expect(result).toMatchObject({
      outcome: 'not_sent',
      error: {
        type: 'upstream_timeout',
        message: 'no complete answer of hang.example.com within 60 ms',
      },
    })
  }
  expect(asked).toEqual(['hang.example.com'])
})

test("the system's resolver is asked by default, and judged like any other", async () => {
  const egress = createEgress({ unsafeResolve: new Map(), extraCaPem: null, route: loopbackOnly })
  onTestFinished(() => egress.close())
  const result = await egress.request(requestTo('https://localhost/', { allow: ['localhost'] }))
  expect(result).toMatchObject({ outcome: 'not_sent', error: { type: 'egress_denied' } })
  expect(result.error?.message).toContain('(loopback')
})

test('a finished lookup is not remembered: the next call asks again', async () => {
  let asked = 0
  const egress = resolvingTo(async () => {
    asked += 1
    return ['10.0.0.1']
  })
  await egress.request(requestTo('https://a.example.com/'))
  await egress.request(requestTo('https://a.example.com/'))
  expect(asked).toBe(2)
})
