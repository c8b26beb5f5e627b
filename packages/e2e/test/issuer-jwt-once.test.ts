import { verifyLedgerFile } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { sqliteFaultAt } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import type { RawAnswer, RawClient } from '../src/harness/raw-client.js'
import { spawnGate } from '../src/harness/spawned-gate.js'
import { LEASES, TokenScene } from '../src/harness/token-scene.js'

const USED = 'the identity token is not accepted: it has been used; ask its issuer for a new one'
const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(): Promise<TokenScene> {
  const scene = await TokenScene.start()
  cleanups.push(() => scene.close())
  return scene
}

function expectUsed(answer: RawAnswer): void {
  expect([answer.status, answer.json()['error']], answer.text).toEqual([
    401,
    'identity_unauthenticated',
  ])
  expect(answer.json()['message']).toBe(USED)
}

async function present(client: RawClient, token: string): Promise<RawAnswer> {
  const key = await DPoPKeyPair.generate()
  return client.send({
    method: 'POST',
    path: LEASES,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk }),
  })
}

test('of many requests with one token at once, over both transports, exactly one wins', async () => {
  const scene = await start()
  for (let round = 0; round < 5; round += 1) {
    const token = scene.issuer.token()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => scene.present(token, i % 2 === 0 ? 'tcp' : 'unix')),
    )
    const refused = answers.filter(({ status }) => status !== 200)
    expect(refused).toHaveLength(11)
    for (const answer of refused) expectUsed(answer)
  }
})

test('the same jti of another issuer is another token; of the same one it is not', async () => {
  const scene = await TokenScene.start({
    tables: (issuer) =>
      [
        issuer.table('jwks_file = "issuer.jwks"'),
        issuer.table('jwks_file = "issuer.jwks"').replace(issuer.issuer, 'https://other.example'),
        issuer.table('jwks_file = "issuer.jwks"').replace('"latchgate"', '"second"'),
      ].join('\n'),
  })
  cleanups.push(() => scene.close())
  const jti = 'one'
  const other = { iss: 'https://other.example', jti }
  expect((await scene.present(scene.issuer.token({ claims: { jti } }))).status).toBe(200)
  expect((await scene.present(scene.issuer.token({ claims: other }))).status).toBe(200)
  expectUsed(await scene.present(scene.issuer.token({ claims: { jti, aud: 'second' } })))
  expectUsed(await scene.present(scene.issuer.token({ claims: { jti, sub: 'agent-8' } })))
})

test('a used token is used after a clean restart', async () => {
  const scene = await start()
  const token = scene.issuer.token()
  expect((await scene.present(token)).status).toBe(200)
  await scene.stop()
  await scene.run()
  expectUsed(await scene.present(token))
  expect(verifyLedgerFile({ path: scene.project.ledger }).findings).toEqual([])
})

test('a used token is used after kill -9 and a restart', async () => {
  const scene = await start()
  await scene.stop()
  const token = scene.issuer.token()
  const first = await spawnGate(scene.project)
  cleanups.push(() => first.kill())
  expect((await present(first.client, token)).status).toBe(200)
  await first.kill()
  const second = await spawnGate(scene.project)
  cleanups.push(() => second.stop())
  expectUsed(await present(second.client, token))
  await second.stop()
  expect(first.log() + second.log()).not.toContain(token.split('.')[2])
  expect(verifyLedgerFile({ path: scene.project.ledger }).findings).toEqual([])
})

test.each([
  ['before', true],
  ['after', false],
] as const)(
  'a gate that dies %s the commit of a lease leaves a token that is good: %s',
  async (when, isGood) => {
    const scene = await start()
    await scene.stop()
    const token = scene.issuer.token()
    const fault = { statement: 'INSERT INTO identity_tokens', when, action: 'kill' } as const
    const dying = await spawnGate(scene.project, sqliteFaultAt(fault))
    cleanups.push(() => dying.kill())
    await expect(present(dying.client, token)).rejects.toThrow()
    expect((await dying.ended).signal).toBe('SIGKILL')
    const next = await spawnGate(scene.project)
    cleanups.push(() => next.stop())
    const answer = await present(next.client, token)
    if (isGood) expect(answer.status, answer.text).toBe(200)
    else expectUsed(answer)
    await next.stop()
    expect(verifyLedgerFile({ path: scene.project.ledger }).findings).toEqual([])
  },
)
