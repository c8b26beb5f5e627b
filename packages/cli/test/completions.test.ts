import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildProgram } from '../src/program.js'
import { Machine } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'
import { jsonHere, runHere } from './in-process.js'

let machine: Machine

beforeEach(() => {
  machine = new Machine()
})

afterEach(async () => {
  await machine.remove()
})

const nowhere = { write: () => undefined }
const program = buildProgram({ stdout: nowhere, stderr: nowhere, env: {} }, false, async () => {
  throw new Error('nothing is run here')
})

function commandsOf(
  parent: Command,
  path: readonly string[] = [],
): readonly (readonly [readonly string[], Command])[] {
  return parent.commands.flatMap((command) => {
    const at = [...path, command.name()]
    return [[at, command] as const, ...commandsOf(command, at)]
  })
}

const COMMANDS = commandsOf(program)

async function script(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runHere(machine, ['completions', shell])
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

/** What bash offers after these words, by running bash. */
function offered(file: string, words: readonly string[], cwd: string): readonly string[] {
  const run =
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _latchgate; ' +
    `for one in "\${COMPREPLY[@]}"; do printf "%s\\n" "$one"; done`
  const { status, stdout, stderr } = spawnSync('bash', ['-uc', run, 'bash', file, ...words], {
    encoding: 'utf8',
    cwd,
  })
  expect([status, stderr]).toEqual([0, ''])
  return stdout.split('\n').filter((line) => line !== '')
}

test('bash completes every command, subcommand and option of the program', async () => {
  const file = machine.temp.file('c.bash')
  writeFileSync(file, await script('bash'))
  const complete = (...words: readonly string[]): readonly string[] =>
    offered(file, ['latchgate', ...words], machine.project)
  expect(complete('')).toEqual([...program.commands.map((one) => one.name()), 'help'])
  expect(complete('do')).toEqual(['down', 'doctor'])
  const global = program.options.map((option) => String(option.long))
  for (const [path, command] of COMMANDS) {
    const options = command.options.map((option) => String(option.long))
    const found = complete(...path, '--')
    expect([path, found.toSorted()]).toEqual([path, [...options, '--help', ...global].toSorted()])
    const below = command.commands.map((one) => one.name())
    if (below.length > 0) expect(complete(...path, '')).toEqual([...below, 'help'])
  }
})

test('bash passes over options and their values on the way to a subcommand', async () => {
  const file = machine.temp.file('c.bash')
  writeFileSync(file, await script('bash'))
  mkdirSync(machine.temp.file('p/with space'))
  writeFileSync(machine.temp.file('p/own.toml'), '')
  const complete = (...words: readonly string[]): readonly string[] =>
    offered(file, ['latchgate', ...words], machine.project)
  expect(complete('--json', '--config', 'status', 'receipts', '')).toEqual(['show', 'help'])
  expect(complete('completions', '')).toEqual(['bash', 'zsh', 'fish'])
  expect(complete('help', 'verif')).toEqual(['verify'])
  expect(complete('--config', '').toSorted()).toEqual(['own.toml', 'with space'])
  expect(complete('operator', 'keygen', '-o', 'own')).toEqual(['own.toml'])
  expect(complete('--operator', '')).toEqual([])
  expect(complete('actions', 'up', '')).toEqual([])
})

function functionName(path: readonly string[]): string {
  return ['_latchgate', ...path].join('_').replaceAll('-', '_')
}

test('zsh has a function for every command, which names its options and what is below it', async () => {
  const text = await script('zsh')
  expect(text.startsWith('#compdef latchgate\n')).toBe(true)
  for (const [path, command] of COMMANDS) {
    const name = functionName(path)
    const body = text.split(`\n${name}() {\n`)[1]?.split('\n}\n')[0]
    expect([path, body === undefined]).toEqual([path, false])
    for (const option of [...command.options, ...program.options]) {
      const long = String(option.long)
      expect(body).toMatch(new RegExp(String.raw`'(\(.*\))?${long}\[`))
      const takesFile = /<(path|file|vkey)>/.test(option.flags)
      if (takesFile) expect(body).toMatch(new RegExp(String.raw`${long}\[.*\]:file:_files'`))
    }
    for (const one of command.commands) {
      expect(body).toContain(`        '${one.name()}:`)
      expect(body).toContain(`${one.name()}) ${functionName([...path, one.name()])} ;;`)
    }
  }
  expect(unbalanced(text)).toEqual([])
})

test('fish has a line for every command and option, at its place', async () => {
  const lines = (await script('fish')).split('\n')
  for (const [path, command] of COMMANDS) {
    const parent = path.slice(0, -1).join(' ')
    const name = String(path.at(-1))
    const starts = `complete -c latchgate -n '__latchgate_at "${parent}"' -a ${name} -d '`
    expect([path, lines.filter((line) => line.startsWith(starts)).length]).toEqual([path, 1])
    const at = `complete -c latchgate -n '__latchgate_at "${path.join(' ')}"' `
    const own = lines.filter((line) => line.startsWith(at))
    for (const option of [...command.options, ...program.options]) {
      const long = ` -l ${String(option.long).slice(2)} `
      expect([path, long, own.filter((line) => line.includes(long)).length]).toEqual([
        path,
        long,
        1,
      ])
    }
  }
  for (const line of lines) expect(line.replaceAll(/\\./g, '').split("'").length % 2).toBe(1)
})

test('no description can end its quotes, and no name needs any', async () => {
  for (const [path, command] of COMMANDS) {
    expect(path.every((word) => /^[a-z-]+$/.test(word))).toBe(true)
    for (const { long } of command.options) expect(long).toMatch(/^--[a-z-]+$/)
  }
})

test('a shell that there is no script for is a wrong usage that names those there are', async () => {
  const { code, stderr } = await runHere(machine, ['completions', 'tcsh'])
  expect(code).toBe(2)
  expect(stderr).toContain(
    "'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.",
  )
})

test('a script is made without a configuration, and is a document with --json', async () => {
  const { code, document } = await jsonHere(machine, ['completions', 'bash', '--config', '/nope'])
  expect([code, document['script']]).toEqual([0, (await script('bash')).trimEnd() + '\n'])
  expect(shapeOf(document)).toEqual(shapeOf(documentedJson('completions')))
})

/** Lines of a zsh script whose single quotes do not close, `'\''` being one inside. */
function unbalanced(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .filter((line) => line.replaceAll(String.raw`'\''`, '').split("'").length % 2 === 0)
}
