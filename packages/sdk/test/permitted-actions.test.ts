import { expect, test } from 'vitest'
import type { DoubleAnswer, GateDouble } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const PATH = '/v1/permitted-actions'

/** Lists `ids` under their tag, as a gate does: 304 to who shows it. */
function serve(gate: GateDouble, ids: readonly string[], etag: string | null): void {
  gate.onGet(PATH, ({ headers }): DoubleAnswer => {
    const tagged = etag === null ? {} : { headers: { etag } }
    if (etag !== null && headers['if-none-match'] === etag) {
      return { status: 304, raw: '', ...tagged }
    }
    const actions = ids.map((id) => ({ action_id: id }))
    return { status: 200, json: { policy_version: 'v', actions }, ...tagged }
  })
}

function shown(gate: GateDouble): readonly unknown[] {
  return gate.requests(PATH).map(({ headers }) => headers['if-none-match'])
}

test('a list that has not changed is asked for by its tag, and is the same again', async () => {
  const gate = await gateOnTcp()
  serve(gate, ['a'], '"one"')
  const agent = client({ baseUrl: gate.url, agentId: 'x' })
  const first = await agent.listPermittedActions()
  expect(await agent.listPermittedActions()).toBe(first)
  serve(gate, ['a', 'b'], '"two"')
  const second = await agent.listPermittedActions()
  expect(second.map(({ actionId }) => actionId)).toEqual(['a', 'b'])
  expect(await agent.listPermittedActions()).toBe(second)
  expect(shown(gate)).toEqual([undefined, '"one"', '"one"', '"two"'])
})

test('a gate without tags is asked for the whole list each time, also after one with', async () => {
  const gate = await gateOnTcp()
  serve(gate, ['a'], '"one"')
  const agent = client({ baseUrl: gate.url, agentId: 'x' })
  await agent.listPermittedActions()
  serve(gate, ['b'], null)
  await agent.listPermittedActions()
  await agent.listPermittedActions()
  expect(shown(gate)).toEqual([undefined, '"one"', undefined])
})

test('a 304 to a client that has shown nothing is no list', async () => {
  const gate = await gateOnTcp()
  gate.onGet(PATH, () => ({ status: 304, raw: '' }))
  const listed = client({ baseUrl: gate.url, agentId: 'x' }).listPermittedActions()
  await expect(listed).rejects.toMatchObject({ status: 304 })
})
