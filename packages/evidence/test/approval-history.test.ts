import type { JsonObject } from '@latchgate/protocol'
import { describe, expect, test } from 'vitest'
import { ApprovalHistory, type Leaf, type LeafType, verifyLog } from '../src/index.js'
import { crypto } from './fixtures.js'
import { logSigner, SampleLog } from './sample-log.js'

const START = Date.UTC(2026, 0, 1)
const EXPIRES = START + 60_000

/** A log of approvals only; each leaf a second after the one before. */
class Story {
  readonly history = new ApprovalHistory()
  readonly problems: string[] = []
  #next = 0

  add(type: LeafType, body: JsonObject, at: number = START + this.#next * 1000): number {
    const index = this.#next
    this.#next += 1
    const time = new Date(at).toISOString()
    const leaf: Leaf = { v: 1, type, log: 'l', id: `id-${index}`, time, gate: 'g', body }
    this.problems.push(...this.history.add(index, leaf).map((problem) => `${index}: ${problem}`))
    return index
  }

  hold(id: string, more: JsonObject = {}): number {
    return this.add('hold', {
      approval_id: id,
      principal: 'agent-a',
      session_id: 's-1',
      action_id: 'http_fetch',
      lease_jti: 'lease-a',
      call_hash: `call of ${id}`,
      plan_hash: `plan of ${id}`,
      expires_at: new Date(EXPIRES).toISOString(),
      required: 1,
      ...more,
    })
  }

  decide(id: string, decision: string, more: JsonObject = {}, at?: number): number {
    const body = { approval_id: id, plan_hash: `plan of ${id}`, decision, operator: 'olga' }
    return this.add('approval', { ...body, ...more }, at)
  }

  intent(id: string, more: JsonObject = {}): number {
    return this.add('intent', {
      approval_id: id,
      grant_id: `grant of ${id}`,
      plan_hash: `plan of ${id}`,
      principal: 'agent-a',
      session_id: 's-1',
      action_id: 'http_fetch',
      ...more,
    })
  }

  receipt(id: string, kind: string, more: JsonObject = {}): number {
    return this.add('receipt', {
      grant_id: `grant of ${id}`,
      approval: { approval_id: id, plan_hash: `plan of ${id}` },
      normalized_result: { kind },
      ...more,
    })
  }

  state(id: string): unknown {
    const { state, endLeaf, grantId } = this.history.approvals.get(id)!
    return [state, endLeaf, grantId]
  }
}

describe('a held call', () => {
  test('goes from hold to receipt, each state with the leaf that says so', () => {
    const story = new Story()
    story.hold('a')
    expect(story.state('a')).toEqual(['pending', null, null])
    const granted = story.decide('a', 'granted')
    story.intent('a')
    expect(story.state('a')).toEqual(['claimed', granted, 'grant of a'])
    const receipt = story.receipt('a', 'success')
    expect(story.state('a')).toEqual(['approved', receipt, 'grant of a'])
    expect(story.problems).toEqual([])
  })

  test('ends denied, failed or expired, with nothing begun', () => {
    const story = new Story()
    for (const id of ['denied', 'failed', 'expired']) story.hold(id)
    const denied = story.decide('denied', 'denied')
    const failed = story.decide('failed', 'failed')
    const expired = story.decide('expired', 'expired', { operator: null }, EXPIRES)
    expect(story.state('denied')).toEqual(['denied', denied, null])
    expect(story.state('failed')).toEqual(['failed', failed, null])
    expect(story.state('expired')).toEqual(['expired', expired, null])
    expect(story.problems).toEqual([])
  })

  test('whose outcome nobody knows has failed, until its receipt comes after all', () => {
    const story = new Story()
    story.hold('a')
    story.decide('a', 'granted')
    story.intent('a')
    const unknown = story.add('unknown', { grant_id: 'grant of a' })
    expect(story.state('a')).toEqual(['failed', unknown, 'grant of a'])
    const receipt = story.receipt('a', 'timeout')
    expect(story.state('a')).toEqual(['failed', receipt, 'grant of a'])
    expect(story.problems).toEqual([])
  })

  test('takes as many operators as it says; one who approves twice counts once', () => {
    const story = new Story()
    story.hold('a', { required: 2 })
    const first = story.decide('a', 'vote')
    story.decide('a', 'vote')
    const last = story.decide('a', 'granted', { operator: 'omar' })
    story.intent('a')
    expect([...story.history.approvals.get('a')!.votes]).toEqual([
      ['olga', first],
      ['omar', last],
    ])
    expect(story.problems).toEqual([])
  })

  test.each([
    ['all', null, ['a', 'b', 'c']],
    ['principal', 'agent-b', ['b']],
    ['session', 's-2', ['c']],
    ['lease', 'lease-c', ['c']],
    ['session', 's-3', []],
  ])('ends with a revocation of %s %s that reaches it', (kind, value, reached) => {
    const story = new Story()
    story.hold('a')
    story.hold('b', { principal: 'agent-b' })
    story.hold('c', { session_id: 's-2', lease_jti: 'lease-c' })
    story.hold('over', { expires_at: new Date(START).toISOString() })
    story.hold('claimed')
    story.decide('claimed', 'granted')
    story.intent('claimed')
    const index = story.add('revocation', { kind, value, epoch: 1 })
    for (const id of ['a', 'b', 'c']) {
      const expected = reached.includes(id) ? ['revoked', index, null] : ['pending', null, null]
      expect(story.state(id), id).toEqual(expected)
    }
    expect(story.state('over')).toEqual(['pending', null, null])
    expect(story.state('claimed')).toEqual(['claimed', 5, 'grant of claimed'])
    expect(story.problems).toEqual([])
  })

  test('can be made and held again once it has ended', () => {
    const story = new Story()
    story.hold('a')
    story.decide('a', 'denied')
    story.hold('b', { call_hash: 'call of a' })
    expect(story.problems).toEqual([])
  })
})

describe('what no gate writes is named, at its leaf:', () => {
  const cases: readonly (readonly [string, (story: Story) => void, readonly string[]])[] = [
    [
      'an intent without any approval of its hold',
      (story) => {
        story.intent('a')
      },
      ['1: approval a was not granted for this intent'],
    ],
    [
      'an intent for what was never held',
      (story) => {
        story.intent('b')
      },
      ['1: approval b was never held'],
    ],
    [
      'a decision on what was never held',
      (story) => {
        story.decide('b', 'denied')
      },
      ['1: approval b was never held'],
    ],
    [
      'a second intent for one approval',
      (story) => {
        story.decide('a', 'granted')
        story.intent('a')
        story.intent('a', { grant_id: 'another' })
      },
      [
        '3: approval a was not granted for this intent',
        '3: approval a began before, as grant of a',
      ],
    ],
    [
      'a second grant',
      (story) => {
        story.decide('a', 'granted')
        story.intent('a')
        story.decide('a', 'granted')
        story.intent('a', { grant_id: 'another' })
      },
      ['3: the approval is claimed already', '4: approval a began before, as grant of a'],
    ],
    [
      'an execution after a denial',
      (story) => {
        story.decide('a', 'denied')
        story.decide('a', 'granted')
        story.intent('a')
      },
      ['2: the approval is denied already'],
    ],
    [
      'an execution after its revocation',
      (story) => {
        story.add('revocation', { kind: 'lease', value: 'lease-a', epoch: 1 })
        story.decide('a', 'granted')
        story.intent('a')
      },
      ['2: the approval is revoked already'],
    ],
    [
      'an approval after its time',
      (story) => {
        story.decide('a', 'granted', {}, EXPIRES)
        story.intent('a')
      },
      ['1: the approval had expired'],
    ],
    [
      'an expiry before its time',
      (story) => {
        story.decide('a', 'expired', {}, EXPIRES - 1)
      },
      ['1: the approval had not expired yet'],
    ],
    [
      'an approval of another plan',
      (story) => {
        story.decide('a', 'granted', { plan_hash: 'other' })
        story.intent('a')
      },
      ['1: the decision is on another plan'],
    ],
    [
      'an intent of another plan',
      (story) => {
        story.decide('a', 'granted')
        story.intent('a', { plan_hash: 'other' })
      },
      ['2: the intent is of another plan'],
    ],
    ...(['principal', 'session_id', 'action_id'] as const).map(
      (member) =>
        [
          `an intent with another ${member}`,
          (story: Story) => {
            story.decide('a', 'granted')
            story.intent('a', { [member]: 'other' })
          },
          ['2: the intent is of another call than was held'],
        ] as const,
    ),
    [
      'an approval that began nothing',
      (story) => {
        story.decide('a', 'granted')
        story.add('summary', {})
        story.intent('a')
      },
      [
        '2: approval a was granted, and no intent follows',
        '3: approval a was not granted for this intent',
      ],
    ],
    [
      'an approval followed by the intent of another',
      (story) => {
        story.hold('b')
        story.decide('a', 'granted')
        story.intent('b')
      },
      [
        '3: approval b was not granted for this intent',
        '3: approval a was granted, and no intent follows',
      ],
    ],
    [
      'a quorum that was not reached',
      (story) => {
        story.hold('b', { required: 2 })
        story.decide('b', 'granted')
        story.intent('b')
      },
      ['2: 1 of 2 operators have approved'],
    ],
    [
      'an approval by nobody',
      (story) => {
        story.decide('a', 'granted', { operator: null })
        story.intent('a')
      },
      ['1: the approval does not say whose it is', '1: 0 of 1 operators have approved'],
    ],
    [
      'an unknown decision',
      (story) => {
        story.decide('a', 'maybe')
      },
      ["1: unknown decision 'maybe'"],
    ],
    [
      'a receipt of another plan',
      (story) => {
        story.decide('a', 'granted')
        story.intent('a')
        story.receipt('a', 'success', { approval: { approval_id: 'a', plan_hash: 'other' } })
      },
      ['3: the receipt does not name the approval and the plan of its intent'],
    ],
    [
      'a receipt that hides its approval',
      (story) => {
        story.decide('a', 'granted')
        story.intent('a')
        story.receipt('a', 'success', { approval: null })
      },
      ['3: the receipt does not name the approval and the plan of its intent'],
    ],
    [
      'a receipt that claims an approval',
      (story) => {
        story.add('intent', { grant_id: 'grant of a' })
        story.receipt('a', 'success')
      },
      ['2: the receipt names an approval that its intent does not'],
    ],
    [
      'an approval held twice',
      (story) => {
        story.hold('a', { call_hash: 'other' })
      },
      ['1: approval a was held before'],
    ],
    [
      'a call held twice',
      (story) => {
        story.hold('b', { call_hash: 'call of a' })
      },
      ['1: the same call waits already, as a'],
    ],
    ...['approval_id', 'principal', 'session_id', 'action_id', 'lease_jti', 'call_hash'].map(
      (member) =>
        [
          `a hold without ${member}`,
          (story: Story) => {
            story.hold('b', { [member]: null })
          },
          ['1: the hold does not say what is held'],
        ] as const,
    ),
    ...(['plan_hash', 'expires_at', 'required'] as const).map(
      (member) =>
        [
          `a hold with a wrong ${member}`,
          (story: Story) => {
            story.hold('b', { [member]: { no: 'value' } })
          },
          ['1: the hold does not say what is held'],
        ] as const,
    ),
  ]

  test.each(cases)('%s', (_name, write, problems) => {
    const story = new Story()
    story.hold('a')
    write(story)
    expect(story.problems).toEqual(problems)
  })
})

test('a walk over a log reports what is wrong with its approvals, at their leaves', () => {
  const log = new SampleLog()
  log.addKey('log', logSigner)
  const body = { session_id: 's-1', session_seq: 1, grant_id: 'g', approval_id: 'invented' }
  const index = log.add('intent', body)
  const { findings } = verifyLog({ crypto, leaves: log.rows })
  expect(findings).toMatchObject([
    { index, column: 'approval', problem: 'approval invented was never held' },
  ])
})
