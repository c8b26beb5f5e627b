import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shellWord } from '../src/shell-word.js'

test('what a shell makes of nothing is left as it is', () => {
  for (const plain of ['/a/b-c_d.pem', 'tools:call', 'A=b,c', '100%', 'x@y']) {
    expect(shellWord(plain)).toBe(plain)
  }
})

test.each(['', '=ls', '$(id)', '`id`', "it's", 'a b', 'a;b', '~', '*', 'a\nb', '"', '\\', '!1'])(
  'a shell reads %j as that one word',
  (text) => {
    expect(readBack([text])).toEqual([text])
    expect(shellWord(text)).not.toBe(text)
  },
)

test('property: a shell reads back what it was, whatever it is', () => {
  const text = fc.string({ unit: 'binary' }).filter((one) => !one.includes('\0'))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 50 }), (texts) => {
      expect(readBack(texts)).toEqual(texts.map((one) => one.toWellFormed()))
    }),
    { numRuns: 30 },
  )
})

function readBack(texts: readonly string[]): readonly string[] {
  const words = texts.map(shellWord).join(' ')
  const script = `[ $# = 0 ] && set -- ${words}; for word; do printf '%s\\0' "$word"; done`
  const out = execFileSync('sh', ['-c', script], { encoding: 'utf8' })
  return out.split('\0').slice(0, -1)
}
