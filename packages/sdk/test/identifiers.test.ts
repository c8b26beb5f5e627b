import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkIdentifier } from '../src/identifier.js'
import { client, gateOnTcp } from './setup.js'

const FIRST = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'.split('')
const REST = [...FIRST, '.', '_', '-']

const identifiers = fc
  .tuple(
    fc.constantFrom(...FIRST),
    fc.array(fc.constantFrom(...REST), { maxLength: 255 }).map((rest) => rest.join('')),
  )
  .map(([first, rest]) => first + rest)

test.each([
  ['', 'actionId must not be empty'],
  ['a'.repeat(257), 'actionId exceeds maximum length (256)'],
  ['.a', 'actionId contains invalid characters'],
  ['a/b', 'actionId contains invalid characters'],
  ['a\n', 'actionId contains invalid characters'],
  ['a%2e', 'actionId contains invalid characters'],
  ['ä', 'actionId contains invalid characters'],
  ['-a', 'actionId contains invalid characters'],
  ['_a', 'actionId contains invalid characters'],
])('%j is refused with its reason', (id, message) => {
  expect(() => checkIdentifier('actionId', id)).toThrow(new Error(message))
})

test('256 characters are not too many', () => {
  expect(() => checkIdentifier('actionId', 'a'.repeat(256))).not.toThrow()
})

test('every id of the grammar is accepted', () => {
  fc.assert(
    fc.property(identifiers, (id) => {
      expect(() => checkIdentifier('actionId', id)).not.toThrow()
    }),
  )
})

test('an id that is accepted is one path segment, unchanged by URL parsing', () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 12 }),
    identifiers,
  )
  fc.assert(
    fc.property(texts, (id) => {
      try {
        checkIdentifier('receiptId', id)
      } catch {
        return
      }
      const { pathname, search, hash } = new URL(`http://gate/v1/receipts/${id}`)
      expect([pathname, search, hash]).toEqual([`/v1/receipts/${id}`, '', ''])
    }),
  )
})

test('anything that spoils an id makes it refused', () => {
  const spoilers = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 1 })
    .filter((c) => !REST.includes(c))
  fc.assert(
    fc.property(identifiers, spoilers, fc.nat(), (id, spoiler, at) => {
      const cut = at % (id.length + 1)
      const spoiled = id.slice(0, cut) + spoiler + id.slice(cut)
      expect(() => checkIdentifier('actionId', spoiled)).toThrow(/^actionId /)
    }),
  )
})

test('each call names its own parameter, before any network use', async () => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await expect(agent.execute('')).rejects.toThrow(new Error('actionId must not be empty'))
  await expect(agent.getReceipt('../x')).rejects.toThrow('receiptId contains invalid characters')
  await expect(agent.getApprovalStatus('a b')).rejects.toThrow(
    'approvalId contains invalid characters',
  )
  await expect(agent.getActionEgress('?')).rejects.toThrow('actionId contains invalid characters')
  await expect(agent.verifyReceipt('')).rejects.toThrow('receiptId must not be empty')
  await expect(agent.execute(undefined as unknown as string)).rejects.toThrow(
    'actionId must be a string',
  )
  expect(gate.seen).toHaveLength(0)
  expect(agent.sessionId).toBe(null)
})
