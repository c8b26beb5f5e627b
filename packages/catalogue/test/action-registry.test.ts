import { expect, test } from 'vitest'
import { ActionRegistry } from '../src/index.js'
import { manifest, schema } from './manifest-text.js'

const a = manifest({ action_id: 'a_read' })
const b = manifest({ action_id: 'b_read' })

test('actions are found by id and listed by id, whatever their order was', () => {
  const built = ActionRegistry.build([b, a])
  if (!built.ok) throw new Error('refused')
  expect(built.value.list().map((one) => one.manifest.action_id)).toEqual(['a_read', 'b_read'])
  expect(built.value.get('b_read')?.manifest).toBe(b)
})

test('a name that nobody declared is no action, not even one that every object has', () => {
  const built = ActionRegistry.build([a])
  for (const id of ['c_read', 'constructor', '__proto__', 'A_READ', '']) {
    expect(built.ok && built.value.get(id)).toBeUndefined()
  }
})

test('two actions of one id refuse the whole set', () => {
  expect(ActionRegistry.build([a, b, { ...a, version: '2' }])).toEqual({
    ok: false,
    error: [
      {
        file: 'action a_read',
        key: 'action_id',
        problem: "duplicate action_id 'a_read'",
        fix: 'remove or rename one of the two',
      },
    ],
  })
})

test('a schema that cannot be compiled refuses the whole set and names action, key and place', () => {
  const broken = { ...schema({ id: { type: 'strin' } }) }
  const bad = { ...b, io: { ...b.io, request_schema: broken } }
  const worse = { ...a, io: { ...a.io, response_schema: { type: 'object', $id: 'x' } } }
  expect(ActionRegistry.build([bad, worse])).toEqual({
    ok: false,
    error: [
      {
        file: 'action b_read',
        key: 'io.request_schema',
        problem: '/properties/id/type: unknown type "strin"',
        fix: "correct the schema: did you mean 'string'?",
      },
      {
        file: 'action a_read',
        key: 'io.response_schema',
        problem: '/$id is not allowed',
        fix: 'correct the schema: remove it',
      },
    ],
  })
})
