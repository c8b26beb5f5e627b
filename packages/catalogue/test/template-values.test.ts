import type { Json } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { interpolate, requiredText } from '../src/template/template-values.js'

test('a text, number or boolean is a text', () => {
  expect(requiredText({ a: 'x' }, 'a')).toEqual({ ok: true, value: 'x' })
  expect(requiredText({ a: 1.5 }, 'a')).toEqual({ ok: true, value: '1.5' })
  expect(requiredText({ a: false }, 'a')).toEqual({ ok: true, value: 'false' })
})

const faults: readonly (readonly [string, Record<string, Json>, string])[] = [
  ['what is absent', {}, 'is required by the action'],
  ['null', { 'a/b': null }, 'must be a string, number or boolean'],
  ['a list', { 'a/b': ['x'] }, 'must be a string, number or boolean'],
  ['an object', { 'a/b': {} }, 'must be a string, number or boolean'],
  ['half a character', { 'a/b': 'x\udc00' }, 'must be well-formed Unicode'],
]

for (const [title, args, message] of faults) {
  test(`${title} is a fault that names the member`, () => {
    expect(requiredText(args, 'a/b')).toEqual({ ok: false, error: { path: '/a~1b', message } })
  })
}

test('the encoder is applied to values, never to the text of the template', () => {
  const parts = [{ literal: 'a/' }, { name: 'x' }, { literal: '?' }, { name: 'y' }]
  const shout = (text: string): string => `<${text}>`
  expect(interpolate(parts, { x: '/', y: 2 }, shout)).toEqual({ ok: true, value: 'a/</>?<2>' })
  expect(interpolate(parts, { x: '/', y: 2 })).toEqual({ ok: true, value: 'a//?2' })
  expect(interpolate([], {})).toEqual({ ok: true, value: '' })
})

test('the first value that is missing is the fault', () => {
  const parts = [{ name: 'x' }, { name: 'y' }]
  expect(interpolate(parts, {})).toEqual({
    ok: false,
    error: { path: '/x', message: 'is required by the action' },
  })
})
