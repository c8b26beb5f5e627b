import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultChoices } from '../src/project.js'
import { Machine } from './cli-process.js'
import { runHere, type Said } from './in-process.js'

let machine: Machine

beforeEach(() => {
  machine = new Machine()
})

afterEach(async () => {
  await machine.run(['down'])
  await machine.remove()
})

const ENTER = '\r'
const ESCAPE = '\u001b'
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const DOWN = '\u001b[B'

/** The questions, in order, by a part of each. */
const QUESTIONS = [
  'What may agents do?',
  'What is the agent called?',
  'What is the operator called?',
]

/** A terminal at which a person types each answer once its question is shown. */
class Terminal {
  readonly input: PassThrough & { isTTY?: boolean; setRawMode?: (on: boolean) => void }
  readonly output: Writable & { isTTY?: boolean; columns?: number; rows?: number }
  shown = ''
  readonly #answers: (readonly string[])[]
  readonly #questions = [...QUESTIONS]

  constructor(answers: readonly (readonly string[])[]) {
    this.#answers = [...answers]
    this.input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined })
    this.output = Object.assign(
      new Writable({
        write: (chunk, _encoding, done) => {
          this.shown += String(chunk)
          this.#answer()
          done()
        },
      }),
      { isTTY: true, columns: 100, rows: 40 },
    )
  }

  #answer(): void {
    const question = this.#questions[0]
    if (question === undefined || !this.shown.includes(question)) return
    this.#questions.shift()
    // Keys arrive one by one, after the prompt has begun to listen.
    const keys = [...(this.#answers.shift() ?? [])]
    const press = (): void => {
      const key = keys.shift()
      if (key === undefined) return
      this.input.write(key)
      setImmediate(press)
    }
    setImmediate(press)
  }
}

async function up(
  answers: readonly (readonly string[])[],
  argv: readonly string[] = [],
): Promise<Said & { readonly shown: string }> {
  const terminal = new Terminal(answers)
  const said = await runHere(machine, ['up', '-d', ...argv], { terminal })
  return { ...said, shown: terminal.shown }
}

function configured(): readonly (string | undefined)[] {
  const text = readFileSync(machine.file('latchgate.toml'), 'utf8')
  const policy = readFileSync(machine.file('policies', 'data.json'), 'utf8')
  return [
    /"policy_version": "(.*)"/.exec(policy)?.[1],
    /principal = "(.*)"/.exec(text)?.[1],
    /\[operator_credentials\.(.*)\]/.exec(text)?.[1],
  ]
}

test('three times Enter gives what a first run without questions gives', async () => {
  const { code, shown } = await up([[ENTER], [ENTER], [ENTER]])
  const { principal, operator } = defaultChoices()
  expect([code, configured()]).toEqual([0, ['quickstart-init', principal, operator]])
  for (const question of QUESTIONS) expect(shown).toContain(question)
})

test('the questions say that agent and gate will not be separated', async () => {
  const { shown, stderr } = await up([[ENTER], [ENTER], [ENTER]])
  expect(shown).toContain('they are not separated')
  expect(shown).toContain('could read the keys of the gate')
  expect(stderr).toContain('⚠  not separated: ')
})

test('the answers are what is set up', async () => {
  const { code, stdout } = await up([
    [DOWN, ENTER],
    ['bob', ENTER],
    ['alice', ENTER],
  ])
  expect([code, configured()]).toEqual([0, ['read-only-init', 'bob', 'alice']])
  expect(readdirSync(machine.file('operators'))).toEqual(['alice.pem'])
  expect(stdout).toContain('  operator        alice, key in .latchgate/operators/\n')
})

test('a name that the configuration could not hold is asked for again', async () => {
  const { code, shown } = await up([
    [ENTER],
    ['"', ENTER, '\u007f', 'bob', ENTER],
    ['a b', ENTER, '\u007f', '\u007f', ENTER],
  ])
  expect(shown).toContain('begin with a letter or digit')
  expect(shown).toContain('1 to 64 letters, digits and `_`')
  expect([code, configured()]).toEqual([0, ['quickstart-init', 'bob', 'a']])
})

test.each([
  ['Esc at the first question', [[ESCAPE]]],
  ['Ctrl-C at the first question', [[CTRL_C]]],
  ['Ctrl-C at the second', [[ENTER], [CTRL_C]]],
  ['Ctrl-C at the last, after typing', [[ENTER], [ENTER], ['x', CTRL_C]]],
  ['Ctrl-D, after which no answer could come', [[ENTER], [CTRL_D]]],
])('%s leaves nothing behind and is no failure', async (_what, answers) => {
  const { code, shown, stdout } = await up(answers)
  expect([code, stdout, existsSync(machine.file())]).toEqual([0, '=>  nothing was set up\n', false])
  expect(shown).toContain('Cancelled: nothing was written.')
})

test.each([['--json'], ['--yes'], ['-y']])(
  'with %s nothing is asked on a terminal either',
  async (flag) => {
    const { code, shown } = await up([], [flag])
    const { principal, operator } = defaultChoices()
    expect([code, shown, configured()]).toEqual([0, '', ['quickstart-init', principal, operator]])
  },
)

test('without a terminal nothing is asked', async () => {
  const { code, stdout } = await machine.run(['up', '-d'])
  expect([code, stdout.includes('What may agents do?')]).toEqual([0, false])
})

test('a second up asks nothing', async () => {
  await machine.up()
  const { code, shown, stdout } = await up([])
  expect([code, shown]).toEqual([0, ''])
  expect(stdout).toContain('the gate is already running')
})

test('a preset that needs a relaxed posture is not offered', async () => {
  const { shown } = await up([[ENTER], [ENTER], [ENTER]])
  expect(shown).toContain('lockdown')
  expect(shown).not.toContain('permissive')
})
