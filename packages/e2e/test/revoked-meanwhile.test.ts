import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ManualClock } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { TokenScene } from '../src/harness/token-scene.js'

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** An issuer's server that answers when the test says so. */
class SlowIssuer {
  readonly #server: Server
  readonly #waiting: ServerResponse[] = []
  #asked: (() => void) | undefined
  hold = false
  keys: () => object = () => ({})

  constructor() {
    this.#server = createServer((_request, response) => {
      if (!this.hold) {
        response.end(JSON.stringify(this.keys()))
        return
      }
      this.#waiting.push(response)
      this.#asked?.()
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`
  }

  /** Resolves when the gate waits for the keys. */
  asked(): Promise<void> {
    return new Promise((resolve) => {
      this.#asked = resolve
      if (this.#waiting.length > 0) resolve()
    })
  }

  answer(): void {
    for (const response of this.#waiting.splice(0)) response.end(JSON.stringify(this.keys()))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

test.each([
  ['principal', { principal: 'agent-7' }],
  ['all', { all: true }],
] as const)(
  'a renewal that waits for the keys of its issuer does not outlive a revocation by %s',
  async (_kind, target) => {
    const clock = new ManualClock(Math.ceil(Date.now() / 1000) * 1000)
    const slow = new SlowIssuer()
    const url = await slow.listen()
    cleanups.push(() => slow.close())
    const scene = await TokenScene.start({
      now: clock.now,
      tables: (issuer) => issuer.table(`jwks_url = "${url}"`),
    })
    cleanups.push(() => scene.close())
    slow.keys = () => scene.issuer.jwks()
    const lease = await scene.open()
    clock.advance(600_000)
    slow.hold = true
    const renewal = scene.renew(lease, scene.issuer.token())
    await slow.asked()
    const desk = { admin: scene.client('admin'), gate: scene.gate, now: clock.now }
    const revoked = await asOperator(desk, 'POST', '/v1/admin/revoke', { body: target })
    expect(revoked.status, revoked.text).toBe(200)
    slow.answer()
    const answer = await renewal
    expect([answer.status, answer.json()['error']]).toEqual([401, 'lease_revoked'])
  },
)
