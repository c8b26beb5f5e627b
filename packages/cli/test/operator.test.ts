import { appendFileSync, chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findOperator, type GivenOperator } from '../src/operator-key.js'
import { Machine, modeOf } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'
import { jsonHere, runHere } from './in-process.js'

let machine: Machine

beforeEach(async () => {
  machine = new Machine()
  await runHere(machine, ['init'])
})

afterEach(async () => {
  await machine.remove()
})

/** A second operator in the configuration; his private key is elsewhere. */
async function addOperator(name: string): Promise<string> {
  const path = machine.temp.file(`${name}.pem`)
  const { document } = await jsonHere(machine, ['operator', 'keygen', '--name', name, '-o', path])
  appendFileSync(
    machine.file('latchgate.toml'),
    `[operator_credentials.${name}]\napi_key = "${String(document['api_key'])}"\n` +
      `dpop_jkt = "${String(document['dpop_jkt'])}"\n`,
  )
  return path
}

function find(given: GivenOperator = {}): string {
  const loaded = loadConfig(undefined, {
    env: { HOME: machine.temp.path },
    cwd: machine.project,
  })
  return findOperator(loaded, given).apiKey.replace(/-[0-9a-f]{32}$/, '')
}

test('keygen writes a private key for its owner alone, whose thumbprint it prints', async () => {
  const nowhere = machine.temp.file('rt')
  const { code, document } = await jsonHere(machine, ['operator', 'keygen', '--name', 'alice'], {
    cwd: nowhere,
  })
  const path = join(nowhere, 'alice.pem')
  expect([code, document['ok'], document['private_key_path'], modeOf(path)]).toEqual([
    0,
    true,
    path,
    '600',
  ])
  const pem = readFileSync(path, 'utf8')
  expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
  expect(DPoPKeyPair.fromPem(pem).thumbprint).toBe(document['dpop_jkt'])
  expect(document['api_key']).toMatch(/^key-alice-[0-9a-f]{32}$/)
  expect(shapeOf(document)).toEqual(shapeOf(documentedJson('operator keygen')))
})

test('the printed block, put into the configuration, makes the new key one that fits', async () => {
  const path = machine.file('operators', 'bob.pem')
  const { stdout } = await runHere(machine, ['operator', 'keygen', '-o', path])
  const block = /^\[operator_credentials\.bob\]\napi_key = .*\ndpop_jkt = .*$/m.exec(stdout)?.[0]
  appendFileSync(machine.file('latchgate.toml'), `${block ?? ''}\n`)
  const { code, document } = await jsonHere(machine, ['operator', 'list'])
  const operators = document['operators'] as readonly Record<string, unknown>[]
  expect([code, operators.map((one) => [one['name'], one['private_key']])]).toEqual([
    0,
    [
      ['operator', 'fits'],
      ['bob', 'fits'],
    ],
  ])
  expect(shapeOf(operators[0])).toEqual(
    shapeOf((documentedJson('operator list')['operators'] as readonly unknown[])[0]),
  )
})

test('keygen never overwrites a file', async () => {
  const path = machine.temp.file('alice.pem')
  writeFileSync(path, 'mine')
  expect(await jsonHere(machine, ['operator', 'keygen', '-o', path])).toEqual({
    code: 1,
    document: {
      ok: false,
      error: `${path} exists: a key is never overwritten`,
      code: 'file_exists',
      hint: 'choose another path with -o PATH',
    },
  })
  expect(readFileSync(path, 'utf8')).toBe('mine')
})

test('a key for a directory that is not there is refused by the name of that directory', async () => {
  const path = machine.temp.file('nowhere', 'alice.pem')
  expect(await jsonHere(machine, ['operator', 'keygen', '-o', path])).toEqual({
    code: 1,
    document: {
      ok: false,
      error: `cannot write ${path}: there is no directory ${machine.temp.file('nowhere')}`,
      code: 'io_error',
      hint: `make it: mkdir -p ${machine.temp.file('nowhere')}; choose another path with -o PATH`,
    },
  })
})

test('without a project an operator is told that there is none, not to add a credential', async () => {
  const cwd = machine.temp.path
  const hint = 'set one up with: latchgate up -d; or name its file with --config PATH'
  for (const argv of [['audit'], ['approvals', 'list'], ['revoke', '--all', '-y'], ['drain']]) {
    expect([argv, await jsonHere(machine, argv, { cwd })]).toEqual([
      argv,
      {
        code: 1,
        document: {
          ok: false,
          error: 'there is no project in or above this directory, and so no operator',
          code: 'operator_key',
          hint,
        },
      },
    ])
  }
  const list = await runHere(machine, ['operator', 'list'], { cwd })
  expect([list.code, list.stdout]).toEqual([
    0,
    '=>  there is no project in or above this directory, and so no operator\n' +
      '  Set one up with: latchgate up -d; or name its file with --config PATH\n',
  ])
})

test.each([
  ['operator-carol.pem', 'carol'],
  ['operator_carol.key', 'carol'],
  ['dave', 'dave'],
])('a key written to %s is the one of %s', async (file, name) => {
  const path = machine.temp.file(file)
  const { document } = await jsonHere(machine, ['operator', 'keygen', '-o', path])
  expect(document['operator']).toBe(name)
})

test.each([['a-b'], ['a.b'], ['"]\nx'], [''], ['x'.repeat(65)]])(
  'keygen refuses the name %j, which the configuration could not hold unquoted',
  async (name) => {
    const { code, document } = await jsonHere(machine, ['operator', 'keygen', '--name', name])
    expect([code, document['code']]).toEqual([2, 'usage'])
  },
)

test('list says how each private key stands, and shows no API key', async () => {
  const pem = await addOperator('alice')
  const here = machine.file('operators', 'alice.pem')
  const state = async (): Promise<unknown> => {
    const { document } = await jsonHere(machine, ['operator', 'list'])
    return (document['operators'] as readonly Record<string, unknown>[])[1]?.['private_key']
  }
  expect(await state()).toBe('absent')
  cpSync(machine.file('operators', 'operator.pem'), here)
  expect(await state()).toBe('differs')
  writeFileSync(here, 'no key')
  expect(await state()).toBe('unusable')
  cpSync(pem, here)
  expect(await state()).toBe('fits')
  chmodSync(here, 0o640)
  expect(await state()).toBe('exposed')
  const { stdout } = await runHere(machine, ['operator', 'list'])
  const configured = readFileSync(machine.file('latchgate.toml'), 'utf8')
  const keys = [...configured.matchAll(/api_key = "(.*)"/g)].map(([, key]) => String(key))
  expect(keys.length).toBe(2)
  for (const key of keys) expect(stdout).not.toContain(key)
})

test('of several operators the only one whose key is on this machine is used', async () => {
  const pem = await addOperator('alice')
  expect(find()).toBe('key-operator')
  rmSync(machine.file('operators', 'operator.pem'))
  expect(() => find()).toThrow(
    'there are several operators (operator, alice), and none of their keys is on this machine',
  )
  expect(find({ operatorPrivateKey: pem })).toBe('key-alice')
  cpSync(pem, machine.file('operators', 'alice.pem'))
  expect(find()).toBe('key-alice')
})

test('a key that does not fit its thumbprint chooses nobody', async () => {
  await addOperator('alice')
  cpSync(machine.file('operators', 'operator.pem'), machine.file('operators', 'alice.pem'))
  expect(find()).toBe('key-operator')
})

test('where several keys are on this machine, --operator or its variable chooses', async () => {
  const pem = await addOperator('alice')
  cpSync(pem, machine.file('operators', 'alice.pem'))
  expect(() => find()).toThrow(
    'the private keys of several operators are on this machine: operator, alice',
  )
  expect(find({ operator: 'alice' })).toBe('key-alice')
  expect(find({ operator: 'operator' })).toBe('key-operator')
})

test('--operator reaches the command before or after its name, and by its variable', async () => {
  await machine.up()
  for (const [argv, env] of [
    [['--operator', 'operater', 'status'], {}],
    [['status', '--operator', 'operater'], {}],
    [['status'], { LATCHGATE_OPERATOR: 'operater' }],
  ] as const) {
    const { code, stderr } = await runHere(machine, argv, { env })
    expect([code, stderr]).toEqual([
      0,
      "⚠  the gate's own figures are not shown: there is no operator 'operater' in the configuration\n" +
        '   did you mean --operator operator?\n',
    ])
  }
  const { document } = await jsonHere(machine, ['status'], {
    env: { LATCHGATE_OPERATOR: 'operator' },
  })
  expect(document['detail']).not.toBeNull()
})

test('a private key that is not the one of the configuration is refused before the gate is asked', async () => {
  const pem = await addOperator('alice')
  expect(() => find({ operator: 'operator', operatorPrivateKey: pem })).toThrow(
    /^the private key .*alice\.pem is not the one of operator 'operator': its thumbprint is /,
  )
})

test('--operator and --operator-key contradict each other', () => {
  expect(() =>
    find({ operator: 'operator', operatorKey: 'key-x', operatorPrivateKey: 'x.pem' }),
  ).toThrow('--operator names a credential of the configuration, --operator-key is another')
})
