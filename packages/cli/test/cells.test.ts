import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cellsOf, cellText, fitCells, padCells, wrapCells, wrapWords } from '../src/cells.js'

const text = fc.string({ unit: 'binary', maxLength: 200 })

test('property: wrapped text fits, and nothing of it is left out', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 2, max: 90 }), (raw, width) => {
      const safe = cellText(raw)
      const lines = wrapCells(safe, width)
      expect(lines.join('')).toBe(safe)
      expect(Math.max(...lines.map(cellsOf))).toBeLessThanOrEqual(Math.max(width, 4))
    }),
  )
})

test('property: words wrapped at spaces fit, and nothing but spaces at the breaks is left out', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 6, max: 90 }), (raw, width) => {
      const safe = cellText(raw)
      const lines = wrapWords(safe, width)
      expect(Math.max(...lines.map(cellsOf))).toBeLessThanOrEqual(width)
      expect(lines.join('').replaceAll(' ', '')).toBe(safe.replaceAll(' ', ''))
    }),
  )
  expect(wrapWords('one two  three', 8)).toEqual(['one two ', 'three'])
  expect(wrapWords('', 8)).toEqual([''])
})

test('property: fitted text fits, and says with its last sign that there is more', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 90 }), (raw, width) => {
      const safe = cellText(raw)
      const fitted = fitCells(safe, width)
      expect(cellsOf(fitted)).toBeLessThanOrEqual(width)
      expect(fitted === safe || fitted.endsWith('…')).toBe(true)
      expect(cellsOf(padCells(fitted, width))).toBe(Math.max(width, cellsOf(fitted)))
    }),
  )
})

test('a pile of marks is written out after the second', () => {
  expect(cellText('a\u0301\u0302\u0303\u0304b')).toBe('a\u0301\u0302\\u{303}\\u{304}b')
  expect(cellText('नमस्ते')).toBe('नमस्ते')
})

test('what shows as nothing is written out', () => {
  expect(cellText('a\u3164b\ufe0fc\u200bd\u{e0041}')).toBe(
    'a\\u3164b\\ufe0fc\\u200bd\\udb40\\udc41',
  )
})

test('wide signs count two columns, Latin, Greek and Cyrillic one', () => {
  expect([cellsOf('日本'), cellsOf('Ωя'), cellsOf('é'), cellsOf('😀')]).toEqual([4, 2, 1, 2])
})
