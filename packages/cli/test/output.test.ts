import { expect, test } from 'vitest'
import { CommandFailure } from '../src/command-failure.js'
import { createOutput, type Output, reportFailure, type TextStream } from '../src/output.js'

function captured(given: {
  readonly json?: boolean
  readonly isTTY?: boolean
  readonly columns?: number
  readonly env?: Readonly<Record<string, string>>
}): { readonly output: Output; readonly out: () => string; readonly err: () => string } {
  let out = ''
  let err = ''
  const terminal = { isTTY: given.isTTY ?? false, columns: given.columns ?? 80 }
  const stdout: TextStream = { ...terminal, write: (text) => (out += text) }
  const stderr: TextStream = { ...terminal, write: (text) => (err += text) }
  const streams = { stdout, stderr, env: given.env ?? {} }
  return { output: createOutput(given.json ?? false, streams), out: () => out, err: () => err }
}

test('colour needs a terminal, and NO_COLOR switches it off, even when empty', () => {
  const on = captured({ isTTY: true })
  on.output.success('done')
  on.output.warn('careful')
  on.output.problem('bad')
  on.output.field('name', 'value')
  expect(on.out()).toBe(
    '\u001b[32m✓\u001b[0m  done\n\u001b[31m✗\u001b[0m  bad\n  \u001b[2mname          \u001b[0m  value\n',
  )
  expect(on.err()).toBe('\u001b[33m⚠\u001b[0m  careful\n')
  for (const given of [{ isTTY: false }, { isTTY: true, env: { NO_COLOR: '' } }]) {
    const off = captured(given)
    off.output.success('done')
    off.output.warn('careful')
    expect([off.out(), off.err()]).toEqual(['✓  done\n', '⚠  careful\n'])
  }
})

test('with --json nothing but the document is printed', () => {
  const { output, out, err } = captured({ json: true, isTTY: true })
  output.success('a')
  output.info('b')
  output.field('c', 'd')
  output.table([['e']])
  output.line('f')
  output.problem('g')
  output.warn('h')
  output.hint('i')
  output.document({ ok: true })
  expect([out(), err()]).toEqual(['{"ok":true}\n', ''])
})

test('a table is aligned, and cut at the width of a terminal only', () => {
  const rows = [
    ['id', 'text'],
    ['a_long_id', 'x'.repeat(100)],
  ]
  const piped = captured({ isTTY: false })
  piped.output.table(rows)
  expect(piped.out()).toBe(`  id         text\n  a_long_id  ${'x'.repeat(100)}\n`)
  const terminal = captured({ isTTY: true, columns: 40 })
  terminal.output.table(rows)
  expect(terminal.out()).toBe(`  id         text\n  a_long_id  ${'x'.repeat(26)}…\n`)
})

test('a wide name does not push the columns after it', () => {
  const { output, out } = captured({ isTTY: false })
  output.table([
    ['名前名', 'x'],
    ['name', 'y'],
  ])
  expect(out()).toBe('  名前名  x\n  name    y\n')
})

test('what is cut at the width of a terminal ends in it, however wide its characters', () => {
  const { output, out } = captured({ isTTY: true, columns: 8 })
  output.table([['名前名前名前']])
  expect(out()).toBe('  名前…\n')
})

const HOSTILE = 'a\u001b[31mb\u0007\r\u009b\u202ec\u2066\u200f\u061c\u2028\ufeff\ud800\u{e0041}'
const SHOWN =
  'a\\u001b[31mb\\u0007\\u000d\\u009b\\u202ec\\u2066\\u200f\\u061c\\u2028\\ufeff\\ud800\\udb40\\udc41'

test('whatever a command prints, control and direction characters are shown, not obeyed', () => {
  const { output, out, err } = captured({ isTTY: false })
  output.success(HOSTILE)
  output.info(HOSTILE)
  output.field('label', HOSTILE)
  output.table([[HOSTILE, 'b']])
  output.line(`${HOSTILE}\nnext`)
  output.problem(HOSTILE)
  output.warn(HOSTILE)
  output.hint(HOSTILE)
  expect(out()).toBe(
    [
      `✓  ${SHOWN}`,
      `=>  ${SHOWN}`,
      `  label           ${SHOWN}`,
      `  ${SHOWN}  b`,
      SHOWN,
      'next',
      `✗  ${SHOWN}`,
      '',
    ].join('\n'),
  )
  expect(err()).toBe(`⚠  ${SHOWN}\n   ${SHOWN}\n`)
})

test('a failure says what is wrong, then what to do; as a document it has a code', () => {
  const failure = new CommandFailure('not_found', `no ${HOSTILE}`, {
    hints: ['do this', 'or that'],
    fields: { pid: 1 },
  })
  let err = ''
  let out = ''
  const streams = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    env: {},
  }
  reportFailure(failure, false, streams)
  expect([err, out]).toEqual([`✗  no ${SHOWN}\n   do this\n   or that\n`, ''])
  reportFailure(failure, true, streams)
  expect(JSON.parse(out)).toEqual({
    ok: false,
    error: `no ${HOSTILE}`,
    code: 'not_found',
    hint: 'do this; or that',
    pid: 1,
  })
})
