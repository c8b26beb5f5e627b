import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  KEYS_FRESH_MS,
  KEYS_STALE_MS,
  RETRY_MS,
  RemoteKeys,
  UNKNOWN_KEY_COOL_DOWN_MS,
} from '../../src/auth/remote-keys.js'
import { jwksBytes, type SigningKey, signingKey } from './issuer-fixture.js'

const [first, second] = [signingKey('ES256', 'first'), signingKey('ES256', 'second')]
const known = { alg: 'ES256', kid: 'first' }

class Issuer {
  now = 1_000_000
  asked = 0
  published: readonly SigningKey[] | null = [first]
  readonly warnings: unknown[] = []
  readonly keys: RemoteKeys = new RemoteKeys({
    url: 'https://issuer.example/keys',
    now: () => this.now,
    log: { warn: (line: unknown) => void this.warnings.push(line) },
    get: async () => {
      this.asked += 1
      if (this.published === null) throw new Error('away')
      return jwksBytes(...this.published.map(({ jwk }) => jwk))
    },
  })

  /** `key`, or why there is none. */
  async look(header: { alg: string; kid?: string } = known): Promise<string> {
    const found = await this.keys.find(header)
    return 'key' in found ? 'key' : found.missing
  }
}

test('a set is asked for once by all who need it at the same time', async () => {
  const issuer = new Issuer()
  const found = await Promise.all(Array.from({ length: 20 }, () => issuer.look()))
  expect([...new Set(found)]).toEqual(['key'])
  expect(issuer.asked).toBe(1)
})

test('a clock that is set back makes keys no younger', async () => {
  const issuer = new Issuer()
  await issuer.look()
  issuer.now -= KEYS_STALE_MS
  issuer.published = [second]
  expect(await issuer.look()).toBe('unknown')
  expect(issuer.asked).toBe(2)
})

test('a failure is not forgotten by what was known: an unknown key may be a new one', async () => {
  const issuer = new Issuer()
  await issuer.look()
  issuer.published = null
  issuer.now += UNKNOWN_KEY_COOL_DOWN_MS
  expect(await issuer.look({ alg: 'ES256', kid: 'second' })).toBe('unavailable')
  expect(await issuer.look()).toBe('key')
  expect(issuer.warnings).toHaveLength(1)
  issuer.published = [first, second]
  issuer.now += UNKNOWN_KEY_COOL_DOWN_MS
  expect(await issuer.look({ alg: 'ES256', kid: 'second' })).toBe('key')
})

test('however tokens and outages come, no key is used for longer than an hour, and nobody is hammered', async () => {
  const step = fc.record({
    after: fc.oneof(fc.nat(RETRY_MS), fc.nat(UNKNOWN_KEY_COOL_DOWN_MS), fc.nat(KEYS_STALE_MS)),
    away: fc.boolean(),
    kid: fc.constantFrom('first', 'second', 'made-up'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const issuer = new Issuer()
      const begin = issuer.now
      let fetchedAt = Number.NEGATIVE_INFINITY
      for (const { after, away, kid } of steps) {
        issuer.now += after
        issuer.published = away ? null : [first]
        const before = issuer.asked
        const found = await issuer.look({ alg: 'ES256', kid })
        if (issuer.asked > before && !away) fetchedAt = issuer.now
        const age = issuer.now - fetchedAt
        if (found === 'key') {
          expect(kid).toBe('first')
          expect(age).toBeLessThan(KEYS_STALE_MS)
        }
        if (kid === 'first' && age < KEYS_FRESH_MS) expect(found).toBe('key')
        if (age >= KEYS_STALE_MS) expect(found).toBe('unavailable')
      }
      expect(issuer.asked).toBeLessThanOrEqual(1 + (issuer.now - begin) / RETRY_MS)
    }),
  )
})
