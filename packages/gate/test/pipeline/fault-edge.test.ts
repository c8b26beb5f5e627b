import { expect, test } from 'vitest'
import { answerFault } from '../../src/pipeline/fault-edge.js'
import { Fault } from '../../src/refusal.js'
import { intending, servicesWith } from './call-fixture.js'

test('a bug is 500 internal_error: the cause is in the log, and nothing of it in the answer', async () => {
  const { agent: _agent, ...arrival } = await intending()
  const { services, logged } = servicesWith({})
  const answer = await answerFault(services, arrival, new TypeError('x is not a function'))
  expect(answer).toEqual({
    status: 500,
    headers: {},
    body: {
      error: 'internal_error',
      message: 'The gate failed; the log has the cause.',
      trace_id: 'trace-1',
    },
  })
  expect(logged).toHaveLength(1)
  expect(logged[0]).toContain('x is not a function')
})

test('a fault is answered by its code, without its text', async () => {
  const { agent: _agent, ...arrival } = await intending()
  const { services } = servicesWith({})
  const answer = await answerFault(services, arrival, new Fault('store_unavailable', 'at /secret'))
  expect(answer).toEqual({
    status: 503,
    headers: {},
    body: {
      error: 'store_unavailable',
      message: 'The ledger is unavailable; nothing was dispatched.',
      trace_id: 'trace-1',
    },
  })
})
