import type { GateOptions } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterEach, expect, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { TokenScene } from '../src/harness/token-scene.js'

type State = NonNullable<GateOptions['state']>

/** Proofs that one owner may have in a memory made small, so that a test can fill a share. */
const SHARE = 3

class CrampedState implements State {
  readonly #held = new Map<string, number>()

  async rememberProof({ owner }: { readonly owner: string }): Promise<'fresh' | 'full'> {
    const held = this.#held.get(owner) ?? 0
    if (held >= SHARE) return 'full'
    this.#held.set(owner, held + 1)
    return 'fresh'
  }

  async take(): Promise<boolean> {
    return true
  }

  async giveBack(): Promise<void> {
    // Every rate is unlimited here.
  }

  async healthy(): Promise<boolean> {
    return true
  }

  async close(): Promise<void> {
    // Nothing is held outside the process's memory.
  }
}

let scene: TokenScene

afterEach(() => scene.close())

test('whoever has a used token of an agent fills no memory of its proofs', async () => {
  scene = await TokenScene.start({ options: { state: new CrampedState() } })
  const token = scene.issuer.token()
  const lease = await scene.open(token)
  const thief = await DPoPKeyPair.generate()
  for (let i = 0; i <= SHARE; i += 1) {
    await scene.ask(thief, { authorization: `Bearer ${token}`, dpop: scene.proof(thief) })
  }
  expect((await scene.call(lease)).json()['error']).toBe('policy_denied')
})

test('no agent, whatever it is called, fills the memory of an operator', async () => {
  scene = await TokenScene.start({ options: { state: new CrampedState() } })
  const sub = 'operator:operator'
  const lease = await scene.open(scene.issuer.token({ claims: { sub } }))
  for (let i = 0; i <= SHARE; i += 1) await scene.call(lease)
  expect((await scene.call(lease)).json()['error']).toBe('replay_cache_unavailable')
  const desk = { admin: scene.client('admin'), gate: scene.gate }
  expect((await asOperator(desk, 'GET', '/v1/admin/domains')).status).toBe(200)
})
