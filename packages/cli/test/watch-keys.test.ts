import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Key, KeyReader } from '../src/watch/keys.js'

const PASTE = '\u001b[200~a\u001b[A\ryes\u001b[201~'

function read(...pieces: readonly string[]): readonly Key[] {
  const reader = new KeyReader()
  return pieces.flatMap((piece) => [...reader.read(piece)])
}

test('keys are named', () => {
  expect(
    read('a\u001b[A\u001bOB\u001b[5~\u001b[6~\u001b[H\u001b[4~\r\u007f\u0015\u0003\u000c日'),
  ).toEqual([
    { kind: 'character', text: 'a' },
    { kind: 'up' },
    { kind: 'down' },
    { kind: 'page_up' },
    { kind: 'page_down' },
    { kind: 'home' },
    { kind: 'end' },
    { kind: 'enter' },
    { kind: 'backspace' },
    { kind: 'clear_line' },
    { kind: 'interrupt' },
    { kind: 'redraw' },
    { kind: 'character', text: '日' },
  ])
})

test('a lone Escape is the key once nothing has followed', () => {
  const reader = new KeyReader()
  expect([reader.read('\u001b'), reader.isWaiting]).toEqual([[], true])
  expect([reader.flush(), reader.isWaiting]).toEqual([[{ kind: 'escape' }], false])
  expect([reader.read('\u001b['), reader.flush(), reader.read('A')]).toEqual([
    [],
    [],
    [{ kind: 'character', text: 'A' }],
  ])
})

test('sequences that we do not know are no keys', () => {
  expect(read('\u001b[1;5C\u001b[24~\u001bx\u0001\u0000')).toEqual([])
})

test('property: in however many pieces, the keys are the same', () => {
  const input = `a${PASTE}\u001b[A\u001b[6~\u001bOBq`
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: input.length }), { maxLength: 6 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), input.length]
      const pieces = at.slice(1).map((end, i) => input.slice(at[i], end))
      expect(read(...pieces)).toEqual(read(input))
    }),
  )
})

test('property: what is pasted is one paste, and never a command, also when it comes late', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(80), (pasted, cut) => {
      fc.pre(!pasted.includes('\u001b'))
      const input = `\u001b[200~${pasted}\u001b[201~`
      const reader = new KeyReader()
      const first = reader.read(input.slice(0, cut))
      // The time of a lone Escape is over in the middle of it; before its mark was whole, nothing is known.
      const flushed = cut >= 6 ? reader.flush() : []
      expect([...first, ...flushed, ...reader.read(input.slice(cut))]).toEqual([
        { kind: 'paste', text: pasted },
      ])
    }),
  )
})

test('a paste without an end holds nothing but its beginning', () => {
  const reader = new KeyReader()
  expect(reader.read(`\u001b[200~${'y'.repeat(100_000)}`)).toEqual([])
  expect(reader.read('y\u001b[201~')).toEqual([{ kind: 'paste', text: 'y'.repeat(4096) }])
})
