import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toolName } from '../src/serve/action-name.js'
import { OWN_TOOLS } from '../src/serve/own-tools.js'

const CHARACTERS = 'abcABC019_-'.split('')
const ID = fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: 128 })
/** As an older gate may have them. */
const OLD_ID = fc.string({
  unit: fc.constantFrom(...CHARACTERS, '.'),
  minLength: 1,
  maxLength: 256,
})

test('an id that clients take stays as it is', () => {
  for (const id of ['http_fetch', 'A-b_9', 'x'.repeat(64)]) expect(toolName(id)).toBe(id)
})

test('one that they do not take becomes its beginning and its digest', () => {
  expect(toolName('x'.repeat(65))).toBe(`${'x'.repeat(47)}_9537c5fdf120482f`)
  expect(toolName('db.read')).toMatch(/^db_read_[0-9a-f]{16}$/)
})

test('no action takes the name of a tool of the adapter', () => {
  for (const { name } of OWN_TOOLS) expect(toolName(name)).not.toBe(name)
})

test('every name is one that clients take, and the same each time', () => {
  fc.assert(
    fc.property(fc.oneof(ID, OLD_ID), (id) => {
      const name = toolName(id)
      return /^[A-Za-z0-9_-]{1,64}$/.test(name) && toolName(id) === name
    }),
  )
})

test('no two ids have one name, not even where one is made to look like the name of another', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(ID, OLD_ID), { maxLength: 20 }), (ids) => {
      const all = [...new Set([...ids, ...ids.map(toolName).filter((name) => name.length < 128)])]
      return new Set(all.map(toolName)).size === all.length
    }),
  )
})
