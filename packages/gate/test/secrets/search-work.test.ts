import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Scrubber } from '../../src/secrets/scrubber.js'
import { SearchTurns } from '../../src/secrets/search-turns.js'
import {
  SearchExhausted,
  STEPS_IN_ANY_CASE,
  STEPS_PER_BYTE,
  STEPS_PER_PLACE,
} from '../../src/secrets/search-work.js'
import { patternsOf } from '../../src/secrets/secret-pattern.js'
import { PatternIndex, SecretSearch, SLICE_BYTES } from '../../src/secrets/secret-search.js'

const SECRET = 'ghp_0123456789/abc+def='
const KIB_256 = 262_144

const filled = (piece: string, bytes = KIB_256): Buffer =>
  Buffer.from(piece.repeat(Math.ceil(bytes / piece.length)).slice(0, bytes))

const searchFor = (secret: string, body: Uint8Array): SecretSearch =>
  new SecretSearch(new PatternIndex(patternsOf(secret)), body)

/** Steps of each slice, and whether the search was given up. */
function slicesOf(search: SecretSearch): { slices: readonly number[]; exhausted: boolean } {
  const slices: number[] = []
  for (;;) {
    const before = search.steps
    try {
      const done = search.advance()
      slices.push(search.steps - before)
      if (done) return { slices, exhausted: false }
    } catch (error) {
      if (!(error instanceof SearchExhausted)) throw error
      return { slices: [...slices, search.steps - before], exhausted: true }
    }
  }
}

const PROSE = 'Größe: "naïve" café, 100% <b>AT&amp;T</b> \\ path\\to\\file; a=1&b=2 '
const json = JSON.stringify(PROSE)
const ascii = json.replace(
  /[^ -~]/g,
  (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
)

test.each<[string, string]>([
  ['plain JSON', '{"id":17,"name":"a name","list":[1,2,3],"url":"https://x.example/a?b=c"},\n'],
  ['JSON of any text', `${json},`],
  ['JSON within JSON', `${JSON.stringify(json)},`],
  ['JSON in ASCII', `${ascii},`],
  ['JSON of Thai in ASCII', '\\u0e2a\\u0e27\\u0e31\\u0e2a\\u0e14\\u0e35 '],
  ['a form', `${new URLSearchParams({ text: PROSE, other: 'ภาษาไทย' }).toString()}&`],
  ['HTML', `<p class="x">${PROSE.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}</p>\n`],
  ['HTML of references', '&#3626;&#3623;&#x0e31;&lt;'],
  ['Base64', Buffer.from(PROSE.repeat(20)).toString('base64')],
  ['Base64 in lines', Buffer.from(PROSE.repeat(20)).toString('base64').replace(/.{76}/g, '$&\r\n')],
  ['hexadecimal', Buffer.from(PROSE).toString('hex')],
  ['UTF-8', 'ภาษาไทย日本語'],
])('a body of %s takes less than a quarter of the work that it may', (_name, piece) => {
  const body = filled(piece)
  const search = searchFor(SECRET, body)
  expect(slicesOf(search).exhausted).toBe(false)
  expect(search.ranges).toEqual([])
  expect(search.steps / body.length).toBeLessThan(STEPS_PER_BYTE / 4)
})

test.each(['\\', '%5c', '&#', '&#65', '%25', '\\u0067', '%67%68%70%5f', 'Z2hw\n\n\n', '&amp;'])(
  'a body of %j cannot exhaust the search for a token, and takes a third of the work at most',
  (piece) => {
    const search = searchFor(SECRET, filled(piece))
    expect(slicesOf(search).exhausted).toBe(false)
    expect(search.steps / KIB_256).toBeLessThan(STEPS_PER_BYTE / 3)
  },
)

test.each<[string, string]>([
  ['\\'.repeat(40), '\\'],
  ['\\'.repeat(40), '%5c'],
  ['\\'.repeat(65_536), '\\'],
  ['%%%%', '%25'],
  ['%25'.repeat(30), '%25'],
  ['&amp;'.repeat(20), '&amp;'],
  [`${'a'.repeat(4000)}b`, 'a'],
  ['aa', 'a a'],
])('the secret %#, made for it, in a body of %j: given up within the limit', (secret, piece) => {
  const search = searchFor(secret, filled(piece, secret === 'aa' ? KIB_256 * 4 : KIB_256))
  slicesOf(search)
  const limit = KIB_256 * 4 * STEPS_PER_BYTE + STEPS_IN_ANY_CASE + STEPS_PER_PLACE
  expect(search.steps).toBeLessThan(limit)
})

test('a text that is given up is not shown: every way to search it throws', async () => {
  const scrubber = new Scrubber(['&amp;'.repeat(20)])
  const body = filled('&amp;')
  expect(() => scrubber.bytes(body)).toThrow(SearchExhausted)
  expect(() => scrubber.text(body.toString())).toThrow(SearchExhausted)
  await expect(scrubber.search(body, async () => undefined)).rejects.toThrow(SearchExhausted)
})

test('no slice does much more than its share, whatever the secret and the body', () => {
  const unit = fc.constantFrom('\\', '%', '&', '%5c', '&amp;', 'u', '0', '5', 'c', 'a', '#', ';')
  const text = fc.string({ unit, minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(text, text, (secret, piece) => {
      const { slices } = slicesOf(searchFor(secret, filled(piece, 40_000)))
      expect(Math.max(...slices)).toBeLessThan(100_000 + STEPS_PER_PLACE * 1.2)
    }),
    { numRuns: 60 },
  )
})

test('a secret is found wherever the slices meet', async () => {
  for (let at = SLICE_BYTES - SECRET.length - 1; at <= SLICE_BYTES + 1; at += 1) {
    const body = Buffer.alloc(SLICE_BYTES + 100, 0x2e)
    body.write(SECRET, at)
    const { bytes, found } = await new Scrubber([SECRET]).search(body, async () => undefined)
    expect([found, Buffer.from(bytes).includes(SECRET)]).toEqual([true, false])
  }
})

test('a small body that is no work is searched at once, a large one only in turns', async () => {
  let pauses = 0
  const pause = async (): Promise<void> => {
    pauses += 1
  }
  const scrubber = new Scrubber([SECRET])
  await scrubber.search(filled('{"a":1},'), pause)
  expect(pauses).toBe(0)
  await scrubber.search(filled('{"a":1},', KIB_256 * 4 + 1), pause)
  expect(pauses, 'one before each slice').toBe(4)
  await new Scrubber([]).search(filled('x', KIB_256 * 8), pause)
  expect(pauses, 'nothing to look for').toBe(4)
})

test('a search ends when its pause does not come back', async () => {
  let pauses = 0
  const ended = new Error('ended')
  const searching = new Scrubber([SECRET]).search(filled('%5c', KIB_256 * 8), async () => {
    pauses += 1
    if (pauses === 3) throw ended
  })
  await expect(searching).rejects.toBe(ended)
  expect(pauses).toBe(3)
})

test('of all searches one has its turn in a turn of the loop, in the order of asking', async () => {
  const turns = new SearchTurns()
  const order: string[] = []
  let loop = 0
  const ticking = setInterval(() => undefined, 1000)
  const tick = (): void => {
    loop += 1
    if (loop < 40) setImmediate(tick)
  }
  setImmediate(tick)
  const seen: number[] = []
  const work = async (name: string): Promise<void> => {
    for (let slice = 0; slice < 3; slice += 1) {
      await turns.next()
      order.push(name)
      seen.push(loop)
    }
  }
  await Promise.all(['a', 'b', 'c'].map(work))
  clearInterval(ticking)
  expect(order.join('')).toBe('abcabcabc')
  expect(new Set(seen).size, 'no two slices in one turn').toBe(9)
})
