import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Machine, modeOf } from './cli-process.js'
import { documentedJson, shapeOf } from './documentation.js'
import { jsonHere, runHere } from './in-process.js'

let machine: Machine
let config: string

beforeEach(async () => {
  machine = new Machine()
  await runHere(machine, ['init'])
  config = machine.file('latchgate.toml')
})

afterEach(async () => {
  await machine.remove()
})

const text = (): string => readFileSync(config, 'utf8')

async function keygen(name: string): Promise<{ readonly path: string; readonly jkt: string }> {
  const path = machine.temp.file(`${name}.pem`)
  const { code, document } = await jsonHere(machine, ['agents', 'keygen', name, '-o', path])
  expect(code).toBe(0)
  expect(shapeOf(document)).toEqual(shapeOf(documentedJson('agents keygen')))
  return { path, jkt: String(document['dpop_jkt']) }
}

test('keygen writes a private key for its owner alone, and never over another', async () => {
  const { path, jkt } = await keygen('reader')
  const pem = readFileSync(path, 'utf8')
  expect([modeOf(path), DPoPKeyPair.fromPem(pem).thumbprint]).toEqual(['600', jkt])
  const again = await jsonHere(machine, ['agents', 'keygen', 'reader', '-o', path])
  expect([again.code, again.document['code'], readFileSync(path, 'utf8')]).toEqual([
    1,
    'file_exists',
    pem,
  ])
})

test('what is added is listed, and removing it gives the file back, but for blank lines at its end', async () => {
  const commented = `${text()}# the last words\n`
  writeFileSync(config, commented)
  const one = await keygen('one')
  const two = await keygen('two')
  const added = await jsonHere(machine, ['agents', 'add', 'one', '--key', one.path])
  expect([added.code, shapeOf(added.document)]).toEqual([0, shapeOf(documentedJson('agents add'))])
  const more = [
    '--principal',
    'second',
    '--scopes',
    'tools:call, audit:read',
    '--owner',
    'alice "A"',
  ]
  await jsonHere(machine, ['agents', 'add', 'two', '--jkt', two.jkt, ...more])
  expect([text().startsWith(commented), modeOf(config)]).toEqual([true, '600'])
  const { document } = await jsonHere(machine, ['agents', 'list'])
  expect(document['agents']).toEqual([
    { name: 'one', principal: 'one', dpop_jkt: one.jkt, scopes: ['tools:call'], owner: null },
    {
      name: 'two',
      principal: 'second',
      dpop_jkt: two.jkt,
      scopes: ['tools:call', 'audit:read'],
      owner: 'alice "A"',
    },
  ])
  const removed = await jsonHere(machine, ['agents', 'remove', 'one'])
  expect(shapeOf(removed.document)).toEqual(shapeOf(documentedJson('agents remove')))
  await jsonHere(machine, ['agents', 'remove', 'two'])
  expect(text().trimEnd()).toBe(commented.trimEnd())
})

test('an edit that cannot be made changes nothing', async () => {
  const { jkt } = await keygen('one')
  await jsonHere(machine, ['agents', 'add', 'one', '--jkt', jkt])
  const operator = /dpop_jkt = "(.{43})"/.exec(text())?.[1] ?? ''
  const exposed = await keygen('exposed')
  chmodSync(exposed.path, 0o644)
  const fresh = (await DPoPKeyPair.generate()).thumbprint
  const before = text()
  const refused: readonly (readonly [readonly string[], string])[] = [
    [['add', 'one', '--jkt', fresh], 'agent_refused'],
    [['add', 'two', '--jkt', jkt], 'agent_refused'],
    [['add', 'two', '--jkt', operator], 'agent_refused'],
    [['add', 'two', '--jkt', fresh, '--principal', 'uid:0'], 'config_invalid'],
    [['add', 'two', '--jkt', 'short'], 'usage'],
    [['add', 'two'], 'usage'],
    [['add', 'a]b', '--jkt', fresh], 'usage'],
    [['add', 'two', '--key', exposed.path], 'usage'],
    [['remove', 'nobody'], 'not_found'],
  ]
  for (const [args, code] of refused) {
    const { document } = await jsonHere(machine, ['agents', ...args])
    expect([args, document['code'], text() === before]).toEqual([args, code, true])
  }
})

test('agents that are written otherwise than as tables are left to their author', async () => {
  const { jkt } = await keygen('one')
  writeFileSync(config, `agents.one = { principal = "one", dpop_jkt = "${jkt}" }\n${text()}`)
  const before = text()
  const { document } = await jsonHere(machine, ['agents', 'remove', 'one'])
  expect([document['code'], text()]).toEqual(['agent_refused', before])
})

test('what stands around a removed agent stays, the words above the next table too', async () => {
  const { jkt } = await keygen('one')
  const head = text()
  const tail = '# about two\n[agents.two]\nprincipal = "two"\ndpop_jkt = "'
  const two = (await DPoPKeyPair.generate()).thumbprint
  const one = `[agents.one] # first\nprincipal = "one"\ndpop_jkt = "${jkt}"\n\n`
  writeFileSync(config, `${head}\n${one}${tail}${two}"\n`)
  const { code } = await jsonHere(machine, ['agents', 'remove', 'one'])
  expect([code, text()]).toEqual([0, `${head}\n\n${tail}${two}"\n`])
})

test('a text that looks like the table of an agent is not taken for it', async () => {
  const { jkt } = await keygen('one')
  const lookalike = '[agents.two]\nowner = """\n[agents.one]\n[other]\n"""\nprincipal = "two"\n'
  const two = `dpop_jkt = "${(await DPoPKeyPair.generate()).thumbprint}"\n`
  const one = `[agents.one]\nprincipal = "one"\ndpop_jkt = "${jkt}"\n`
  const before = `${text()}\n${lookalike}${two}${one}`
  writeFileSync(config, before)
  const { document } = await jsonHere(machine, ['agents', 'remove', 'one'])
  expect([document['code'], text()]).toEqual(['agent_refused', before])
})

test('no scopes are none, and not the default', async () => {
  const { jkt } = await keygen('idle')
  await jsonHere(machine, ['agents', 'add', 'idle', '--jkt', jkt, '--scopes', ''])
  expect(text()).toContain('scopes = []')
  const { document } = await jsonHere(machine, ['agents', 'list'])
  expect(document['agents']).toEqual([
    { name: 'idle', principal: 'idle', dpop_jkt: jkt, scopes: [], owner: null },
  ])
})

test('while somebody edits the file it is left alone, and who finds a stale lock is told its name', async () => {
  const { jkt } = await keygen('one')
  const before = text()
  writeFileSync(`${config}.lock`, '')
  const { document } = await jsonHere(machine, ['agents', 'add', 'one', '--jkt', jkt])
  expect([document['code'], text()]).toEqual(['agent_refused', before])
  expect(document['error']).toContain(`${config}.lock`)
  rmSync(`${config}.lock`)
  const again = await jsonHere(machine, ['agents', 'add', 'one', '--jkt', jkt])
  expect([again.code, existsSync(`${config}.lock`)]).toEqual([0, false])
})

test('of many registrations at once each that was confirmed is in the file', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const confirmed = await Promise.all(
    names.map(async (name) => {
      const jkt = (await DPoPKeyPair.generate()).thumbprint
      const { code } = await machine.run(['agents', 'add', name, '--jkt', jkt])
      return code === 0 ? name : null
    }),
  )
  const { document } = await jsonHere(machine, ['agents', 'list'])
  const listed = (document['agents'] as readonly { readonly name: string }[]).map(
    ({ name }) => name,
  )
  expect(listed.toSorted()).toEqual(confirmed.filter((name) => name !== null).toSorted())
  expect(listed.length).toBeGreaterThan(0)
})
