import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatchGateError } from '../src/index.js'
import { SessionSequence } from '../src/session-sequence.js'
import { error, executed } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const EXECUTE = '/v1/actions/http_fetch/execute'

function kindsOf(sequence: SessionSequence): readonly string[] {
  return sequence.findings.map((finding) => finding.kind)
}

/** A gate that numbers records as it gets to them: any order within what is under way. */
type Step = {
  readonly starts: number
  readonly order: readonly number[]
  readonly tells: readonly boolean[]
}

const steps = fc.array(
  fc.integer({ min: 1, max: 6 }).chain((starts) =>
    fc.record({
      starts: fc.constant(starts),
      order: fc.shuffledSubarray(
        Array.from({ length: starts }, (_, i) => i),
        {
          minLength: starts,
          maxLength: starts,
        },
      ),
      tells: fc.array(fc.boolean(), { minLength: starts, maxLength: starts }),
    }),
  ),
  { maxLength: 20 },
)

test('an honest gate is never accused, however calls overlap and answers are lost', () => {
  fc.assert(
    fc.property(steps, (batches: readonly Step[]) => {
      const sequence = new SessionSequence('s')
      let last = 0
      for (const { starts, order, tells } of batches) {
        const tickets = Array.from({ length: starts }, () => sequence.begin())
        const numbers = tickets.map(() => (last += 1))
        for (const i of order) tickets[i]!.settle(tells[i]! ? numbers[i]! : null, false)
      }
      expect(kindsOf(sequence)).toEqual([])
    }),
  )
})

test('a record that this client did not cause shows with the next answer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 1, max: 5 }),
      (before, foreign) => {
        const sequence = new SessionSequence('s')
        for (let n = 1; n <= before; n += 1) sequence.begin().settle(n, false)
        sequence.begin().settle(before + foreign + 1, false)
        expect(kindsOf(sequence)).toEqual(['gap'])
      },
    ),
  )
})

test('a call that was not recorded shows: its number is given again', () => {
  const sequence = new SessionSequence('s')
  sequence.begin().settle(1, false)
  sequence.begin().settle(1, false)
  expect(sequence.findings).toEqual([
    { sessionId: 's', sessionSeq: 1, kind: 'not_growing', message: 'session_seq 1 after 1' },
  ])
})

test('two overlapping calls with one number are found out', () => {
  const sequence = new SessionSequence('s')
  const [one, two] = [sequence.begin(), sequence.begin()]
  one.settle(2, false)
  two.settle(2, false)
  expect(kindsOf(sequence)).toEqual(['not_growing'])
})

test('overlapping calls may be answered in any order', () => {
  const sequence = new SessionSequence('s')
  const [one, two] = [sequence.begin(), sequence.begin()]
  two.settle(2, false)
  one.settle(1, false)
  expect(kindsOf(sequence)).toEqual([])
})

test('a held call leaves room for the record of its execution', () => {
  const sequence = new SessionSequence('s')
  sequence.begin().settle(1, true)
  sequence.begin().settle(3, false)
  expect(kindsOf(sequence)).toEqual([])
  sequence.begin().settle(5, false)
  expect(kindsOf(sequence)).toEqual(['gap'])
})

test('a call that broke off leaves room for the record of its failure', async () => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a', timeoutMs: 300 })
  gate.onExecute(error(500, 'internal_error'))
  await expect(agent.execute('http_fetch')).rejects.toThrow(LatchGateError)
  gate.onExecute({ status: 200, end: 'hang' })
  await expect(agent.execute('http_fetch')).rejects.toThrow(LatchGateError)
  gate.onExecute(executed({ session_seq: 5 }))
  await agent.execute('http_fetch')
  expect(agent.sequenceFindings).toEqual([])
  gate.onExecute(executed({ session_seq: 7 }))
  await agent.execute('http_fetch')
  expect(agent.sequenceFindings).toHaveLength(1)
})

test('a gap is reported once, and the list of findings is bounded', () => {
  const sequence = new SessionSequence('s')
  sequence.begin().settle(5, false)
  sequence.begin().settle(6, false)
  expect(kindsOf(sequence)).toEqual(['gap'])
  for (let i = 0; i < 100; i += 1) sequence.begin().settle(1, false)
  expect(sequence.findings).toHaveLength(16)
})

test('the client checks the numbers of its answers, denials and failures included', async () => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  gate.onExecute(executed({ session_seq: 1 }))
  expect((await agent.execute('http_fetch')).sessionSeq).toBe(1)
  gate.onExecute(error(403, 'policy_denied', { session_seq: 2 }))
  await expect(agent.execute('http_fetch')).rejects.toThrow(LatchGateError)
  gate.onExecute(error(403, 'policy_denied'))
  await expect(agent.execute('http_fetch')).rejects.toThrow(LatchGateError)
  gate.onExecute(error(502, 'action_execution_failed', { session_seq: 4 }))
  await expect(agent.execute('http_fetch')).rejects.toThrow(LatchGateError)
  expect(agent.sequenceFindings).toEqual([])
  gate.onExecute(executed({ session_seq: 9 }))
  await agent.execute('http_fetch')
  expect(agent.sequenceFindings).toEqual([
    {
      sessionId: agent.sessionId,
      sessionSeq: 9,
      kind: 'gap',
      message: 'session_seq 9 where this client caused at most 5',
    },
  ])
  expect(gate.requests(EXECUTE)).toHaveLength(5)
})

test('each session has its own numbers; a renewal goes on with them', async () => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const counts = new Map<string, number>()
  gate.onExecute((request) => {
    const next = (counts.get(request.sessionId!) ?? 0) + 1
    counts.set(request.sessionId!, next)
    return executed({ session_seq: next })
  })
  await agent.execute('http_fetch')
  await agent.connect()
  await agent.execute('http_fetch')
  gate.advance(301)
  const last = await agent.execute('http_fetch')
  expect(last.sessionSeq).toBe(2)
  expect(agent.sequenceFindings).toEqual([])
})
