import { mkdirSync, writeFileSync } from 'node:fs'
import { createLogger, loadConfig, startGate } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { loopbackOnly, tempDir } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { payloadOf } from '../src/harness/compact-jws.js'
import { readGuide } from '../src/harness/guide.js'
import { type RawAnswer, RawClient } from '../src/harness/raw-client.js'
import { TokenIssuer } from '../src/harness/token-issuer.js'

const PAGE = readGuide('docs/identity.md')

test('the configuration of docs/identity.md starts, and knows agents in each of its ways', async () => {
  const [text = ''] = PAGE.blocks('toml')
  const key = await DPoPKeyPair.generate()
  const dir = tempDir()
  onTestFinished(() => dir.remove())
  const issuer = new TokenIssuer(Date.now, {
    issuer: 'https://issuer.example.com',
    audience: 'https://gate.example.com',
  })
  mkdirSync(dir.file('keys'), { mode: 0o700 })
  mkdirSync(dir.file('run'), { mode: 0o700 })
  writeFileSync(dir.file('keys', 'issuer.jwks'), JSON.stringify(issuer.jwks()), { mode: 0o600 })
  // A port that is free, and a key whose private half is here.
  const ours = text
    .replace('127.0.0.1:3000', '127.0.0.1:0')
    .replace(/(\[agents\.reader\].*?dpop_jkt = ")[^"]*/s, `$1${key.thumbprint}`)
  writeFileSync(dir.file('latchgate.toml'), ours, { mode: 0o600 })
  const env = { XDG_RUNTIME_DIR: dir.file('run') }
  const loaded = loadConfig(dir.file('latchgate.toml'), { env, cwd: dir.file('.') })
  const log = createLogger(loaded.config, { write: () => true } as unknown as NodeJS.WritableStream)
  const gate = await startGate({ loaded, env, log, route: loopbackOnly })
  const tcp = new RawClient({ base: gate.addresses.http ?? '' })
  onTestFinished(async () => {
    await tcp.close()
    await gate.close()
  })
  const ask = (headers: Readonly<Record<string, string>>): Promise<RawAnswer> =>
    tcp.send({
      method: 'POST',
      path: '/v1/leases',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk }),
    })
  const claimsOf = (answer: RawAnswer): object => payloadOf(String(answer.json()['lease_jwt']))
  const url = 'http://localhost:3000/v1/leases'
  const byKey = await ask({ dpop: key.signProof({ method: 'POST', url }) })
  expect(claimsOf(byKey)).toMatchObject({ sub: 'reader', idm: 'agent_key' })
  const byToken = await ask({ authorization: `Bearer ${issuer.token()}` })
  expect(claimsOf(byToken)).toMatchObject({ sub: 'agent-7', idm: 'jwt', owner: 'platform team' })
  const nobody = await ask({})
  expect([nobody.status, nobody.json()['error']]).toEqual([401, 'identity_unauthenticated'])
})
