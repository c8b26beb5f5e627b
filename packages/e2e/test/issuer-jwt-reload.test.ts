import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestGate } from '../src/harness/gate.js'
import type { RawAnswer } from '../src/harness/raw-client.js'
import { KEY_FILE, TokenScene } from '../src/harness/token-scene.js'

const GONE =
  'the issuer by whose token this session was opened is no longer accepted as it was: ' +
  'open a session with a credential of now'

let scene: TokenScene

beforeEach(async () => {
  scene = await TokenScene.start()
})

afterEach(() => scene.close())

function edit(change: (text: string) => string): void {
  const { configFile } = scene.project
  const text = readFileSync(configFile, 'utf8')
  const changed = change(text)
  expect(changed).not.toBe(text)
  writeFileSync(configFile, changed)
}

function expectRefusal(answer: RawAnswer, status: number, error: string, message?: string): void {
  expect([answer.status, answer.json()['error']], answer.text).toEqual([status, error])
  if (message !== undefined) expect(answer.json()['message']).toBe(message)
}

const withoutIssuers = (text: string): string => text.slice(0, text.indexOf('[[identity.jwt]]'))

test.each([
  ['is taken out', withoutIssuers],
  ['is for another audience', (text: string) => text.replace('"latchgate"', '"other"')],
  ['names agents by another claim', (text: string) => `${text}\nprincipal_claim = "email"\n`],
])(
  'leases of an issuer that %s stop with the reload, and cannot be renewed',
  async (_name, change) => {
    const lease = await scene.open()
    edit(change)
    expect((await scene.call(lease)).json()['error']).toBe('policy_denied')
    expect((await scene.reload()).status).toBe(200)
    for (const transport of ['tcp', 'unix'] as const) {
      const called = await scene.call(lease, transport)
      expectRefusal(called, 401, 'identity_unauthenticated', GONE)
      const renewed = await scene.renew(lease, scene.issuer.token(), transport)
      expectRefusal(renewed, 401, 'identity_unauthenticated', GONE)
    }
  },
)

test('without any issuer a token is refused, and says so', async () => {
  edit(withoutIssuers)
  expect((await scene.reload()).status).toBe(200)
  const message = 'the identity token is not accepted: this gate has no [[identity.jwt]] issuers'
  const answer = await scene.present(scene.issuer.token(), 'unix')
  expectRefusal(answer, 401, 'identity_unauthenticated', message)
})

test('scopes that an issuer loses are gone from its leases too', async () => {
  const lease = await scene.open()
  edit((text) => `${text}\nscopes = ["audit:read"]\n`)
  expect((await scene.reload()).status).toBe(200)
  expectRefusal(await scene.call(lease), 403, 'policy_denied')
  expect((await scene.call(lease)).json()['deny_reason']).not.toMatch(/^egress_denied/)
  expectRefusal(await scene.renew(lease), 403, 'scope_not_permitted')
})

test('a key file is read again by a reload, not before', async () => {
  scene.issuer.rotate()
  scene.publish()
  const token = scene.issuer.token()
  expectRefusal(await scene.present(token), 401, 'identity_unauthenticated')
  expect((await scene.reload()).status).toBe(200)
  expect((await scene.present(token)).status).toBe(200)
})

test.each<readonly [string, (file: string) => void, RegExp]>([
  ['is gone', (file) => rmSync(file), /cannot read .*issuer\.jwks \(ENOENT\)/],
  ['is no JSON', (file) => writeFileSync(file, '{'), /it is not JSON/],
  ['is no set of keys', (file) => writeFileSync(file, '{}'), /it is no JWK Set/],
  [
    'holds a private key',
    (file) => writeFileSync(file, JSON.stringify({ keys: [{ kty: 'EC', d: 'x' }] })),
    /private or a shared one/,
  ],
  ['can be written by others', (file) => chmodSync(file, 0o666), /can be written by others/],
])(
  'a key file that %s changes nothing by a reload and stops a start',
  async (_name, spoil, why) => {
    const lease = await scene.open()
    spoil(join(scene.project.root, KEY_FILE))
    const answer = await scene.reload()
    expectRefusal(answer, 500, 'reload_failed')
    // Paths are the operator's business; he finds them in the log.
    expect(answer.text).not.toContain(scene.project.root)
    const logged = scene.gate.logs.filter(
      ({ msg }) => msg === 'the reload failed: nothing has changed',
    )
    expect(JSON.stringify(logged)).toMatch(why)
    expect((await scene.call(lease)).json()['error']).toBe('policy_denied')
    expect((await scene.present(scene.issuer.token())).status).toBe(200)
    await scene.stop()
    await expect(startTestGate(scene.project)).rejects.toThrow(why)
  },
)

test.each<readonly [string, (text: string) => string]>([
  ['the same issuer and audience twice', (text) => text + text.slice(text.indexOf('[[identity'))],
  ['keys from two places', (text) => `${text}\njwks_url = "https://issuer.example/keys"\n`],
  ['keys from nowhere', (text) => text.replace(/jwks_file.*/, '')],
  ['a symmetric algorithm', (text) => text.replace('"ES256"', '"HS256"')],
  ['no algorithm', (text) => text.replace('["ES256"]', '[]')],
  ['the algorithm none', (text) => text.replace('"ES256"', '"none"')],
])('a reload of a configuration with %s changes nothing', async (_name, change) => {
  const lease = await scene.open()
  edit(change)
  expectRefusal(await scene.reload(), 500, 'reload_failed')
  expect((await scene.call(lease)).json()['error']).toBe('policy_denied')
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
})

test('a reload takes hundreds of agents and issuers, and records their digest where they are too many', async () => {
  const lease = await scene.open()
  const agents = Array.from({ length: 300 }, (_, i) => {
    const jkt = i.toString().padStart(43, 'A')
    return `[agents.a${i}]\nprincipal = "agent-${i}"\ndpop_jkt = "${jkt}"`
  })
  const issuers = Array.from({ length: 60 }, (_, i) =>
    scene.issuer
      .table(`jwks_file = "${KEY_FILE}"`)
      .replace('"latchgate"', `"${i}${'a'.repeat(400)}"`),
  )
  edit((text) => [text, ...agents, ...issuers].join('\n'))
  const answer = await scene.reload()
  expect(answer.status, answer.text).toBe(200)
  expect((await scene.call(lease)).json()['error']).toBe('policy_denied')
  const record = await reloadRecord()
  expect(record).toMatch(/"agents":300,.*"identity_digest":"sha256:[0-9a-f]{64}","issuers":61/)
})

async function reloadRecord(): Promise<string | undefined> {
  const { ledger } = scene.gate.services
  const size = Number(ledger.checkpoint().split('\n')[1])
  const leaves = await Promise.all(Array.from({ length: size }, (_, i) => ledger.leaf(i)))
  return leaves
    .map((leaf) => Buffer.from(leaf ?? []).toString())
    .find((one) => one.includes('admin_reload'))
}

test('the record of a reload says which issuers name agents, and from which keys', async () => {
  expect((await scene.reload()).status).toBe(200)
  const text = await reloadRecord()
  expect(text).toContain('"issuer":"https://issuer.example"')
  expect(text).toMatch(/"keys":"sha256:[0-9a-f]{64}"/)
})
