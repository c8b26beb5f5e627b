import { inspect } from 'node:util'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { EnvironmentSecrets } from '../../src/secrets/environment.js'
import { Secret } from '../../src/secrets/port.js'

const VALUE = 'ghp_0123456789abcdef'
const secret = new Secret(VALUE)

test.each<[string, () => string]>([
  ['toString', () => secret.toString()],
  ['String()', () => String(secret)],
  ['a template literal', () => `${secret as unknown as string}`],
  ['toJSON', () => JSON.parse(JSON.stringify(secret)) as string],
  ['inspect', () => inspect(secret)],
  ['inspect with everything shown', () => inspect(secret, { showHidden: true, getters: true })],
  ['Array join', () => [secret].join()],
])('a secret shows as [secret] in %s', (_name, show) => {
  expect(show()).toBe('[secret]')
})

test.each<[string, unknown]>([
  ['an object', { token: secret }],
  ['a list', [secret]],
  ['a map', new Map([['token', secret]])],
  ['a set', new Set([secret])],
  ['an error', Object.assign(new Error('x'), { secret })],
])('inspecting %s that holds a secret does not show it', (_name, holder) => {
  const shown = inspect(holder, { showHidden: true, depth: 10, getters: true })
  expect(shown).toContain('[secret]')
  expect(shown).not.toContain(VALUE)
})

test('a structured log that is handed a secret, plain, nested or in an error, does not write it', () => {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(line) })
  log.info({ secret, nested: { list: [secret] } }, 'with a secret %s %j', secret, { secret })
  log.error({ err: Object.assign(new Error('failed'), { secret }) }, 'failed')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toContain('"secret":"[secret]"')
  expect(lines.join('\n')).not.toContain(VALUE)
})

test('a secret has no member to enumerate, copy or assign, and is cloned without its value', () => {
  expect(Object.keys(secret)).toEqual([])
  expect(Object.assign({}, secret)).toEqual({})
  expect(Reflect.ownKeys(secret)).toEqual([])
  expect(JSON.stringify(structuredClone(secret))).toBe('{}')
  expect(secret.reveal()).toBe(VALUE)
})

test('a variable with the prefix is a secret by the rest of its name; an empty one is missing', async () => {
  const source = new EnvironmentSecrets(
    { LG_TOKEN: VALUE, LG_EMPTY: '', LG_: 'no name at all', OTHER: 'not ours' },
    'LG_',
  )
  expect((await source.get('TOKEN'))?.reveal()).toBe(VALUE)
  for (const name of ['EMPTY', '', 'OTHER', 'token', 'LG_TOKEN', '__proto__', 'constructor']) {
    expect(await source.get(name), name).toBeUndefined()
  }
  expect(inspect(source, { showHidden: true, depth: 10 })).not.toContain(VALUE)
})

test('the environment is read once: a later change is not a change of a secret', async () => {
  const environment: Record<string, string> = { LG_TOKEN: VALUE }
  const source = new EnvironmentSecrets(environment, 'LG_')
  environment['LG_TOKEN'] = 'another-value'
  environment['LG_LATE'] = 'late-value'
  expect((await source.get('TOKEN'))?.reveal()).toBe(VALUE)
  expect(await source.get('LATE')).toBeUndefined()
})
