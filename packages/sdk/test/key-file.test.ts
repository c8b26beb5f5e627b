import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { tempDir } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import { executed } from './gate-double.js'
import { afterThisTest, client, gateOnTcp } from './setup.js'

function fileWith(text: string, mode = 0o600): string {
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  const file = directory.file('agent.pem')
  writeFileSync(file, text, { mode: 0o600 })
  chmodSync(file, mode)
  return file
}

const pem = (type: 'pkcs8' | 'sec1'): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type, format: 'pem' })
    .toString()

function refusal(keyFile: string): unknown {
  try {
    client({ baseUrl: 'http://127.0.0.1:9', agentId: 'a', keyFile })
  } catch (error) {
    return error
  }
  return undefined
}

test.each(['pkcs8', 'sec1'] as const)(
  'a key file in %s form is the key of every session, and proves itself when it asks for a lease',
  async (type) => {
    const text = pem(type)
    const gate = await gateOnTcp()
    gate.onExecute(executed())
    const agent = client({ baseUrl: gate.url, agentId: 'a', keyFile: fileWith(text) })
    await agent.execute('http_fetch')
    await agent.connect()
    const key = DPoPKeyPair.fromPem(text)
    const requests = gate.requests('/v1/leases')
    expect(requests.map(({ text: body }) => JSON.parse(body).dpop_jwk)).toEqual([
      key.publicJwk,
      key.publicJwk,
    ])
    for (const { headers } of requests) {
      expect(headers.authorization).toBeUndefined()
      expect(
        JSON.parse(
          Buffer.from(String(headers['dpop']).split('.')[1] ?? '', 'base64url').toString(),
        ),
      ).toEqual({
        jti: expect.any(String),
        htm: 'POST',
        htu: `${gate.url}/v1/leases`,
        iat: expect.any(Number),
      })
    }
  },
)

test('a key that others can read is refused, with the command that mends it', () => {
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    const file = fileWith(pem('pkcs8'), mode)
    expect(refusal(file)).toEqual(
      new TypeError(
        `refusing the key file ${file}: others can read it (mode 0${mode.toString(8)}): chmod 600 ${file}`,
      ),
    )
  }
})

test('what is no P-256 private key is refused without a word of it', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  const secret = 'hunter2-hunter2-hunter2'
  const texts = [
    other.export({ type: 'pkcs8', format: 'pem' }).toString(),
    generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .publicKey.export({ type: 'spki', format: 'pem' })
      .toString(),
    `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
    secret,
    '',
  ]
  for (const text of texts) {
    const file = fileWith(text)
    const error = refusal(file) as Error
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe(
      `the key file ${file} does not hold a P-256 private key in PEM without a pass phrase`,
    )
    expect(String((error.cause as Error).stack)).not.toContain('hunter2')
  }
})

test('what is no regular file is refused at once, a named pipe too', () => {
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  mkdirSync(directory.file('d'))
  execFileSync('mkfifo', ['-m', '600', directory.file('p')])
  const large = fileWith('')
  truncateSync(large, 1024 * 1024)
  for (const [file, why] of [
    [directory.file('d'), 'it is not a regular file'],
    [directory.file('p'), 'it is not a regular file'],
    [large, 'it has 1048576 bytes, more than 16384'],
  ] as const) {
    expect((refusal(file) as Error).message).toBe(`refusing the key file ${file}: ${why}`)
  }
  const missing = directory.file('no.pem')
  expect((refusal(missing) as Error).message).toBe(
    `cannot open the key file ${missing} (ENOENT): there is no such file`,
  )
})

test('a link is followed to the key, whose own mode counts', () => {
  const file = fileWith(pem('pkcs8'))
  symlinkSync(file, `${file}.link`)
  expect(refusal(`${file}.link`)).toBeUndefined()
  chmodSync(file, 0o644)
  expect((refusal(`${file}.link`) as Error).message).toContain('mode 0644')
})

test('a key and a key file at once are refused', async () => {
  const key = await DPoPKeyPair.generate()
  const both = { baseUrl: 'http://127.0.0.1:9', key, keyFile: fileWith(key.exportPem()) }
  expect(() => client(both)).toThrow(new TypeError('give `key` or `keyFile`, not both'))
})
