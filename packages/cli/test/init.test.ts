import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { BUILTIN_PRESETS } from '@latchgate/catalogue'
import { parsePolicyData } from '@latchgate/gate'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Machine, modeOf } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'
import { jsonHere, runHere } from './in-process.js'

let machine: Machine

beforeEach(() => {
  machine = new Machine()
})

afterEach(async () => {
  await machine.remove()
})

function data(): ReturnType<typeof parsePolicyData> {
  return parsePolicyData(readFileSync(machine.file('policies', 'data.json')))
}

test('init makes what a first up makes, and starts nothing', async () => {
  const { code, document } = await jsonHere(machine, ['init'])
  const principal = String((document['principals'] as readonly string[])[0])
  expect([code, document]).toEqual([
    0,
    {
      ok: true,
      created: true,
      preset: 'quickstart',
      config: machine.file('latchgate.toml'),
      policy_data: machine.file('policies', 'data.json'),
      principals: [principal],
      operator: 'operator',
      backup: null,
    },
  ])
  expect(shapeOf({ ...document, backup: '' })).toEqual(
    shapeOf({ ...documentedJson('init'), backup: '' }),
  )
  expect([modeOf(machine.file()), modeOf(machine.file('latchgate.toml'))]).toEqual(['700', '600'])
  expect(existsSync(machine.adminSocket)).toBe(false)
  const up = await machine.up()
  expect(up['created']).toBe(false)
})

test('every preset but permissive makes a project that starts', async () => {
  for (const { name } of BUILTIN_PRESETS) {
    rmSync(machine.file(), { recursive: true, force: true })
    const { code, document } = await jsonHere(machine, ['init', '--preset', name])
    if (name === 'permissive') {
      expect([name, code, document['code']]).toEqual([name, 1, 'preset_unusable'])
      expect(existsSync(machine.file())).toBe(false)
      continue
    }
    expect([name, code, data().policy_version]).toEqual([name, 0, `${name}-init`])
    expect([name, (await jsonHere(machine, ['config', 'validate'])).code]).toEqual([name, 0])
  }
})

test('permissive needs its variable, and then says in the configuration what it relaxes', async () => {
  const env = { LATCHGATE_UNSAFE_DEV: '1' }
  expect((await jsonHere(machine, ['init', '--preset', 'permissive'], { env })).code).toBe(0)
  expect(readFileSync(machine.file('latchgate.toml'), 'utf8')).toMatch(/^acl_insecure = true$/m)
  expect((await jsonHere(machine, ['config', 'validate'])).code).toBe(0)
})

test('an unknown preset names those there are, and the one that was meant', async () => {
  const { code, document } = await jsonHere(machine, ['init', '--preset', 'quikstart'])
  expect([code, document['code'], document['error']]).toEqual([
    1,
    'preset_unusable',
    "preset 'quikstart' not found (did you mean 'quickstart'?): there are quickstart, read-only, " +
      'agent, coding, data, team, lockdown, blank, permissive',
  ])
  expect(existsSync(machine.file())).toBe(false)
})

test('--list-presets lists the presets and writes nothing', async () => {
  const { code, document } = await jsonHere(machine, ['init', '--list-presets'])
  expect([code, document]).toEqual([
    0,
    { presets: BUILTIN_PRESETS.map(({ name, description }) => ({ name, description })) },
  ])
  expect(existsSync(machine.file())).toBe(false)
})

test('an existing project is refused, and nothing in it is touched', async () => {
  await runHere(machine, ['init'])
  const before = everything()
  const { code, document } = await jsonHere(machine, ['init', '--preset', 'blank'])
  expect([code, document['code']]).toEqual([1, 'project_exists'])
  expect(everything()).toEqual(before)
})

test('--force writes the policy data anew, with a backup, and touches nothing else', async () => {
  await machine.up()
  await machine.run(['down'])
  const before = everything()
  const old = readFileSync(machine.file('policies', 'data.json'))
  const { code, document } = await jsonHere(machine, ['init', '--preset', 'lockdown', '--force'])
  const backup = String(document['backup'])
  expect([code, document['created'], document['operator']]).toEqual([0, false, null])
  expect([readFileSync(backup).equals(old), modeOf(backup)]).toEqual([true, '600'])
  expect(data().policy_version).toBe('lockdown-init')
  const isOther = ([name]: readonly [string, string]): boolean =>
    !name.startsWith('policies/data.json')
  expect(everything().filter(isOther)).toEqual(before.filter(isOther))
  expect((await machine.up())['created']).toBe(false)
})

test('--force lifts no quota and no approval rule; rights of others are only in the backup', async () => {
  await runHere(machine, ['init'])
  const file = machine.file('policies', 'data.json')
  const quotas = { '*': [{ calls: 3, window_seconds: 60 }] }
  const require_approval = { http_fetch: { '*': true } }
  const quorum = { '*': { '*': 2 } }
  const lists = { quotas, require_approval, quorum, allowlist: { http_delete: { eve: true } } }
  const acl = { eve: { allowed_actions: ['http_delete'], allowed_sinks: ['http_delete'] } }
  writeFileSync(file, JSON.stringify({ policy_version: 'x', acl, latchgate: lists }))
  const { stdout } = await runHere(machine, ['init', '--force'])
  const renewed = data()
  expect(renewed.latchgate).toEqual({ quotas, require_approval, quorum, allowlist: {} })
  expect(Object.keys(renewed.acl)).not.toContain('eve')
  expect(stdout).toContain('  kept            quotas of *, approval rule of http_fetch\n')
  expect(stdout).toContain('  dropped         rights of eve, approval bypass of http_delete\n')
})

test('--force replaces data that is not valid, and says what that may have cost', async () => {
  await runHere(machine, ['init'])
  writeFileSync(machine.file('policies', 'data.json'), '{"policy_version": 1')
  const { code, stdout, stderr } = await runHere(machine, ['init', '--force'])
  expect([code, data().policy_version]).toEqual([0, 'quickstart-init'])
  expect(stderr).toContain('⚠  the old data was not valid: quotas and approval rules in it')
  const backup = String(/backup +(.*)$/m.exec(stdout)?.[1])
  expect(readFileSync(backup, 'utf8')).toBe('{"policy_version": 1')
})

test('--force writes nothing that a start would refuse', async () => {
  await runHere(machine, ['init'])
  const before = everything()
  const { code, document } = await jsonHere(machine, ['init', '--preset', 'permissive', '--force'])
  expect([code, document['startup_error']]).toEqual([1, 'config_validation_failed'])
  expect(everything()).toEqual(before)
  appendFileSync(machine.file('latchgate.toml'), 'acl_insecure = true\n')
  expect((await jsonHere(machine, ['init', '--preset', 'permissive', '--force'])).code).toBe(0)
})

test('a set-up that died before its configuration was written is finished by up, not by init', async () => {
  await runHere(machine, ['init'])
  rmSync(machine.file('latchgate.toml'))
  const { code, document } = await jsonHere(machine, ['init', '--force'])
  expect([code, document['code'], document['hint']]).toEqual([
    1,
    'project_unusable',
    'an earlier set-up died half-way: `latchgate up` finishes it',
  ])
})

/** Name, mode and contents of every file of the project. */
function everything(): readonly (readonly [string, string])[] {
  return (readdirSync(machine.file(), { recursive: true }) as string[])
    .map((name): readonly [string, string] => {
      const stats = statSync(join(machine.file(), name))
      const bytes = stats.isFile() ? readFileSync(join(machine.file(), name)) : ''
      return [name, `${stats.mode} ${createHash('sha256').update(bytes).digest('hex')}`]
    })
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}
