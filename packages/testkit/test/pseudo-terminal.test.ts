import { afterEach, expect, test } from 'vitest'
import { PseudoTerminal, type TerminalProgram, TerminalScreen } from '../src/index.js'

const started: PseudoTerminal[] = []

afterEach(async () => {
  for (const terminal of started.splice(0)) {
    try {
      terminal.kill('SIGKILL')
    } catch {
      // It has ended.
    }
    await terminal.ended
    terminal.close()
  }
})

function onTerminal(code: string, size?: TerminalProgram['size']): PseudoTerminal {
  const terminal = PseudoTerminal.start({
    command: process.execPath,
    args: ['-e', code],
    env: { PATH: process.env['PATH'] },
    ...(size === undefined ? {} : { size }),
  })
  started.push(terminal)
  return terminal
}

test('a program on it has a terminal of that size, and hears of another one', async () => {
  const terminal = onTerminal(
    `const say = () => console.log(process.stdin.isTTY, process.stdout.columns, process.stdout.rows)
     process.stdout.on('resize', say); say(); setInterval(() => {}, 1000)`,
    { columns: 101, rows: 33 },
  )
  await terminal.shows('true 101 33')
  terminal.resize({ columns: 60, rows: 20 })
  await terminal.shows('true 60 20')
  expect(terminal.screen.lines).toHaveLength(20)
})

test('what is typed arrives, Ctrl-C is a signal, and the end is told', async () => {
  const terminal = onTerminal(
    `process.stdin.once('data', (data) => console.log('got', JSON.stringify(String(data))))
     process.on('SIGINT', () => { console.log('interrupted'); process.exit(7) })
     console.log('ready')`,
  )
  await terminal.shows('ready')
  terminal.type('abc\r')
  await terminal.shows('got "abc\\n"')
  terminal.type('\u0003')
  await terminal.shows('interrupted')
  expect(await terminal.ended).toEqual({ code: 7, signal: null })
})

test('a terminal that hangs up is a SIGHUP to what runs on it', async () => {
  const terminal = onTerminal(`console.log('ready'); setInterval(() => {}, 1000)`)
  await terminal.shows('ready')
  terminal.close()
  expect(await terminal.ended).toEqual({ code: null, signal: 'SIGHUP' })
})

test('a screen keeps what was on it below the other screen', () => {
  const screen = new TerminalScreen({ columns: 5, rows: 2 })
  screen.write('ab\r\ncdefg')
  expect(screen.lines).toEqual(['ab', 'cdefg'])
  screen.write('\u001b[?1049h\u001b[2J\u001b[1;3Hx\u001b[?7lyz123')
  expect([screen.lines, screen.isOther]).toEqual([['  xy3', ''], true])
  screen.write('\u001b[?7h\u001b[?1049lh')
  expect([screen.lines, screen.isOther]).toEqual([['cdefg', 'h'], false])
  screen.write('\u001b[1;1H\u001b[K\u001b]0;title\u0007\u0007')
  expect(screen.unknown).toEqual(['\u001b]0;titl'])
  expect(screen.bells).toBe(2)
})
