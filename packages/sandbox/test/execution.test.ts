import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { SUSPENSION_END } from '../src/abi/suspension.js'
import { createSandbox } from '../src/create-sandbox.js'
import { ExecutionAborted, type Sandbox, type SandboxOutcome } from '../src/types.js'
import { type Code, I32, op } from './support/assemble.js'
import {
  AT,
  CALL,
  GLOBAL,
  LEAVE_IF_UNWINDING,
  OWN,
  type ProviderSource,
  provider,
  REQUEST,
  RETURN_OK,
  TYPE,
} from './support/provider.js'
import { ANSWER, RecordingHost, taskFor } from './support/tasks.js'

let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await createSandbox()
})

afterAll(async () => {
  await sandbox.close()
})

type Changes = Parameters<typeof taskFor>[1]

async function run(source: ProviderSource, changes: Changes = {}): Promise<SandboxOutcome> {
  const { digest } = await sandbox.register(provider(source))
  return sandbox.run(taskFor(digest, changes))
}

/** Runs a module and says how it failed; every failure must leave the sandbox as it was. */
async function failureOf(source: ProviderSource, changes: Changes = {}): Promise<string> {
  const outcome = await run(source, changes)
  await vi.waitFor(() => expect(sandbox.live).toBe(0))
  expect(await run({ execute: RETURN_OK })).toMatchObject({ ok: true })
  return outcome.ok ? `ok: ${outcome.output}` : `${outcome.failure}: ${outcome.message}`
}

const asking: Code = [...REQUEST, ...LEAVE_IF_UNWINDING]
const spin: Code = [op.loop(), op.br(0), op.end]

describe('an execution that goes well', () => {
  test('returns the text of the ok variant, and what it used to the instruction', async () => {
    const outcome = await run({ execute: [op.i32(0), op.drop, ...RETURN_OK] })
    expect(outcome).toEqual({
      ok: true,
      variant: 'ok',
      output: '{}',
      // `cabi_realloc` for the task, `execute`, and the state that the host asks for at the end; each
      // charges eight for being metered.
      fuelConsumed: 8 + 10 + (8 + 3) + (8 + 1),
      ioCalls: 0,
      durationMs: expect.any(Number) as number,
    })
  })

  test('returns the message of the error variant, which need not be JSON', async () => {
    const execute = [op.i32(AT.result), op.i32(1), op.store8(), ...RETURN_OK]
    expect(await run({ execute })).toMatchObject({ ok: true, variant: 'err', output: '{}' })
  })

  test('a request reaches the host as the module wrote it, once', async () => {
    const host = new RecordingHost()
    const outcome = await run({ execute: [...asking, ...RETURN_OK] }, { host })
    expect(outcome).toMatchObject({ ok: true, ioCalls: 1 })
    expect(host.requests).toEqual([
      { method: 'GET', url: 'https://a.example/', headers: [], body: null, timeoutMs: 1000 },
    ])
  })

  test('its answer is in the memory when the module goes on', async () => {
    // 200 from the reply's status field becomes the length of an output of 200 bytes.
    const output: Code = [
      ...[op.i32(30_000), op.i32(0x31), op.i32(200), op.memoryFill],
      ...[op.i32(AT.result), op.i32(30_000), op.store(4)],
      ...[op.i32(AT.result), op.i32(AT.reply), [0x2f, 1, 4], op.store(8)],
    ]
    const outcome = await run({ execute: [...asking, ...output, ...RETURN_OK] })
    expect(outcome).toMatchObject({ ok: true, output: '1'.repeat(200) })
  })

  test('log messages reach the host with their level, before the end', async () => {
    const host = new RecordingHost()
    const log: Code = [op.i32(AT.url), op.i32(3), op.call(CALL.log)]
    await run({ execute: [...log, ...log, ...RETURN_OK] }, { host })
    expect(host.logs).toEqual([
      ['info', 'GET'],
      ['info', 'GET'],
    ])
  })

  test('of thousands of log messages 256 reach the host', async () => {
    const host = new RecordingHost()
    const log: Code = [op.i32(AT.url), op.i32(3), op.call(CALL.log)]
    const again: Code = [op.get(2), op.i32(1), op.add, op.tee(2), op.i32(5000), [0x49], op.brIf(0)]
    const execute = [op.loop(), ...log, ...again, op.end, ...RETURN_OK]
    const outcome = await run({ execute, locals: [[1, I32]] }, { host })
    expect([outcome.ok, host.logs.length]).toEqual([true, 256])
  })
})

describe('each failure has its class, and harms nobody', () => {
  const cases: readonly (readonly [string, ProviderSource, Changes, string])[] = [
    ['unreachable', { execute: [op.unreachable] }, {}, 'trap: unreachable'],
    ['a division by zero', { execute: [op.i32(1), op.i32(0), [0x6d]] }, {}, 'trap: divide by zero'],
    [
      'a load behind the end',
      { execute: [op.i32(-4), op.load()] },
      {},
      'trap: memory access out of bounds',
    ],
    [
      'an endless loop',
      { execute: [...spin, ...RETURN_OK] },
      {},
      'fuel_exhausted: used all of 100000000 instructions',
    ],
    [
      'an endless loop in the start function',
      {
        execute: RETURN_OK,
        functions: [{ type: TYPE.none, code: spin }],
        change: (source) => ({ ...source, start: OWN }),
      },
      {},
      'fuel_exhausted: used all of 100000000 instructions',
    ],
    [
      'a start function that calls the host',
      {
        execute: RETURN_OK,
        functions: [{ type: TYPE.none, code: [op.i32(0), op.i32(0), op.call(CALL.log)] }],
        change: (source) => ({ ...source, start: OWN }),
      },
      {},
      'trap: a host call in the start function',
    ],
    [
      'an endless loop in cabi_realloc',
      { execute: RETURN_OK, realloc: [...spin, op.i32(0)] },
      {},
      'fuel_exhausted: used all of 100000000 instructions',
    ],
    [
      'an endless loop in cabi_post_execute',
      { execute: RETURN_OK, post: spin },
      {},
      'fuel_exhausted: used all of 1000000 instructions set aside',
    ],
    [
      'memory above the limit',
      { execute: [op.i32(256), op.memoryGrow, op.drop, op.unreachable] },
      {},
      'memory_limit: 257 pages, 256 are allowed',
    ],
    [
      'memory.grow by 4 GiB',
      { execute: [op.i32(-1), op.memoryGrow, op.drop, op.unreachable] },
      {},
      'memory_limit: 4294967296 pages, 256 are allowed',
    ],
    [
      'deep recursion',
      {
        execute: [op.call(OWN), ...RETURN_OK],
        functions: [{ type: TYPE.none, code: [op.call(OWN)] }],
      },
      {},
      'depth_limit: the calls are nested too deeply',
    ],
    [
      'frames that do not fit the suspension area',
      { execute: [...asking, ...RETURN_OK], startUnwind: [...frameEnd(20_000), ...state(1)] },
      {},
      'depth_limit: the frames do not fit the suspension area',
    ],
    [
      'frames that trap at the end of the memory while they are saved',
      {
        execute: [...REQUEST, op.unreachable],
        startUnwind: [...frameEnd(70_000), ...state(1)],
      },
      {},
      'depth_limit: the frames do not fit the suspension area',
    ],
    [
      'a canary that was written to',
      {
        execute: [...asking, ...RETURN_OK],
        startUnwind: [op.i32(SUSPENSION_END - 4), op.i32(0), op.store(), ...state(1)],
      },
      {},
      'trap: the suspension area was written to',
    ],
    [
      'one request more than the manifest allows',
      { execute: [...asking, ...asking, ...RETURN_OK] },
      { limits: { maxIoCalls: 0 } },
      'io_budget: more than 0 host calls',
    ],
    [
      'a result at an odd address',
      { execute: [op.i32(AT.result + 1)] },
      {},
      `trap: result: ${AT.result + 1} is not aligned`,
    ],
    [
      'a result behind the end',
      { execute: [op.i32(-8)] },
      {},
      'trap: result: 12 bytes at 4294967288 are not in the memory',
    ],
    [
      'an output behind the end',
      { execute: [...outputOf(65_500, 40), ...RETURN_OK] },
      {},
      'trap: result: 40 bytes at 65500 are not in the memory',
    ],
    [
      'an output above its limit',
      { execute: [...outputOf(0, 65_537), ...RETURN_OK] },
      {},
      'output_too_large: 65537 bytes, at most 65536',
    ],
    [
      'an output of 4 GiB',
      { execute: [...outputOf(0, -1), ...RETURN_OK] },
      {},
      'output_too_large: 4294967295 bytes, at most 65536',
    ],
    [
      'an output that is not UTF-8',
      { execute: [op.i32(AT.output), op.i32(0xff), op.store8(), ...RETURN_OK] },
      {},
      'invalid_output: output: not UTF-8',
    ],
    [
      'an output that is not JSON',
      { execute: [op.i32(AT.output), op.i32(0x41), op.store8(), ...RETURN_OK] },
      {},
      'invalid_output: the module returned something that is not JSON',
    ],
    [
      'an empty output',
      { execute: [...outputOf(AT.output, 0), ...RETURN_OK] },
      {},
      'invalid_output: the module returned something that is not JSON',
    ],
    [
      'a log message that is not UTF-8',
      {
        execute: [
          ...[op.i32(AT.url), op.i32(0xff), op.store8()],
          ...[op.i32(AT.url), op.i32(3), op.call(CALL.log), ...RETURN_OK],
        ],
      },
      {},
      'trap: log message: not UTF-8',
    ],
    [
      'a place for the answer that is not in the memory',
      { execute: [...REQUEST.slice(0, -2), op.i32(-8), op.call(CALL.request), ...RETURN_OK] },
      {},
      'trap: result: 24 bytes at 4294967288 are not in the memory',
    ],
    [
      'an allocation for the task that is not in the memory',
      { execute: RETURN_OK, realloc: [op.i32(-1)] },
      {},
      'trap: cabi_realloc: 2 bytes at 4294967295 are not in the memory',
    ],
  ]
  test.each(cases)('%s', async (_name, source, changes, expected) => {
    expect(await failureOf(source, changes)).toBe(expected)
  })
})

describe('a module that breaks the protocol of a suspension', () => {
  const cases: readonly (readonly [string, ProviderSource, string])[] = [
    [
      'does not begin to unwind when it is told to',
      { execute: [...asking, ...RETURN_OK], startUnwind: [] },
      'trap: the module is in state 0, not 1',
    ],
    [
      'goes on to its end instead of unwinding',
      { execute: [...REQUEST, ...state(0), ...RETURN_OK] },
      'trap: the module is in state 0, not 1',
    ],
    [
      'begins to unwind by itself',
      { execute: [...state(1), ...RETURN_OK] },
      'trap: the module is in state 1, not 0',
    ],
    [
      'makes another request while it unwinds',
      { execute: [...REQUEST, ...REQUEST, ...RETURN_OK] },
      'trap: a host call while unwinding',
    ],
    [
      'writes a log while it unwinds',
      { execute: [...REQUEST, op.i32(0), op.i32(0), op.call(CALL.log), ...RETURN_OK] },
      'trap: a host call while unwinding',
    ],
    [
      'does not stop to unwind',
      { execute: [...asking, ...RETURN_OK], stopUnwind: [] },
      'trap: the module is in state 1, not 0',
    ],
    [
      'does not begin to rewind',
      { execute: [...asking, ...RETURN_OK], startRewind: [] },
      'trap: the module is in state 0, not 2',
    ],
    [
      'returns while it should rewind',
      {
        execute: [
          ...[op.globalGet(GLOBAL.state), op.i32(2), op.eq],
          ...[op.if(), ...RETURN_OK, op.return, op.end],
          ...[...asking, ...RETURN_OK],
        ],
      },
      'trap: the module left its host call',
    ],
    [
      'writes a log while it rewinds',
      {
        execute: [
          ...[op.globalGet(GLOBAL.state), op.i32(2), op.eq],
          ...[op.if(), op.i32(0), op.i32(0), op.call(CALL.log), op.end],
          ...[...asking, ...RETURN_OK],
        ],
      },
      'trap: a host call while rewinding',
    ],
    [
      'does not stop to rewind',
      { execute: [...asking, ...RETURN_OK], stopRewind: [] },
      'trap: the module is in state 2, not 0',
    ],
    [
      'calls the host while the host writes the answer',
      {
        execute: [...asking, ...RETURN_OK],
        realloc: [
          ...[op.globalGet(GLOBAL.own), op.if(), ...REQUEST, op.end],
          ...[op.i32(1), op.globalSet(GLOBAL.own), op.i32(AT.heap)],
        ],
      },
      'trap: a host call while lowering',
    ],
    [
      'calls the host in its post-return',
      { execute: RETURN_OK, post: [op.i32(0), op.i32(0), op.call(CALL.log)] },
      'trap: a host call while ending',
    ],
    [
      'begins to unwind in its post-return',
      { execute: RETURN_OK, post: state(1) },
      'trap: the module is in state 1, not 0',
    ],
    [
      'computes for ever while it unwinds, on what it is allowed for that',
      { execute: [...REQUEST, ...spin, ...RETURN_OK] },
      'fuel_exhausted: used all of 1000000 instructions set aside',
    ],
    [
      'computes for ever while it rewinds, on what it is allowed for that',
      {
        execute: [
          ...[op.globalGet(GLOBAL.state), op.i32(2), op.eq],
          ...[op.if(), ...spin, op.end],
          ...[...asking, ...RETURN_OK],
        ],
      },
      'fuel_exhausted: used all of 1000000 instructions set aside',
    ],
  ]
  test.each(cases)('%s', async (_name, source, expected) => {
    expect(await failureOf(source)).toBe(expected)
  })
})

test('what a module wastes of what is set aside for it is not charged to the call', async () => {
  const outcome = await run({ execute: [...REQUEST, ...spin, ...RETURN_OK] })
  expect(outcome).toMatchObject({ ok: false, failure: 'fuel_exhausted' })
  expect(outcome.fuelConsumed).toBeLessThan(10_000)
})

test('post-return runs after the real end only, once, with the result', async () => {
  // It traps unless it is given what `execute` has returned, in the normal state.
  const post: Code = [
    ...[op.get(0), op.i32(AT.result), op.eq, op.globalGet(GLOBAL.state), op.eqz, [0x71], op.eqz],
    ...[op.if(), op.unreachable, op.end],
  ]
  const execute = [...asking, ...asking, ...RETURN_OK]
  expect(await run({ execute: [...asking, ...RETURN_OK], post })).toMatchObject({ ok: true })
  expect(await failureOf({ execute: RETURN_OK, post: [op.unreachable] })).toBe('trap: unreachable')
  // A call that ends otherwise has no post-return: it would be the trap's word against the plan's.
  const host = new RecordingHost(() => Promise.reject(new ExecutionAborted('plan_mismatch', 'no')))
  expect(await failureOf({ execute, post: [op.unreachable] }, { host })).toBe('plan_mismatch: no')
})

test('nothing of one call is in the memory or the globals of the next', async () => {
  const execute: Code = [
    ...[op.globalGet(GLOBAL.state), op.eqz, op.if()],
    ...[op.globalGet(GLOBAL.own), op.i32(40_000), op.load(), [0x72]],
    ...[op.if(), op.unreachable, op.end, op.end],
    ...[op.i32(1), op.globalSet(GLOBAL.own), op.i32(40_000), op.i32(7), op.store()],
    ...[...asking, ...RETURN_OK],
  ]
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => run({ execute })))
  expect(outcomes.map((one) => one.ok)).toEqual(new Array(20).fill(true))
})

test("an error that the host answers is the module's to handle", async () => {
  const host = new RecordingHost(() => Promise.resolve({ ok: false, error: 'no route' }))
  const execute = [
    ...[...asking, op.i32(AT.reply), [0x2d, 0, 0], op.i32(1), op.eq],
    ...[op.if(I32), ...RETURN_OK, op.else, op.unreachable, op.end],
  ]
  expect(await run({ execute }, { host })).toMatchObject({ ok: true })
})

test('what the host throws ends the call as it says, and a fault of the host rejects', async () => {
  const execute = [...asking, ...RETURN_OK]
  const aborted = new RecordingHost(() => Promise.reject(new ExecutionAborted('my_class', 'why')))
  expect(await failureOf({ execute }, { host: aborted })).toBe('my_class: why')
  const broken = new RecordingHost(() => Promise.reject(new TypeError('a bug')))
  await expect(run({ execute }, { host: broken })).rejects.toThrow(new TypeError('a bug'))
  const log: Code = [op.i32(AT.url), op.i32(3), op.call(CALL.log)]
  const mute = new RecordingHost()
  mute.log = () => {
    throw new ExecutionAborted('no_log', 'why')
  }
  expect(await failureOf({ execute: [...log, ...RETURN_OK] }, { host: mute })).toBe('no_log: why')
})

test('the requests of a call are counted over its suspensions, and the answers told apart', async () => {
  let asked = 0
  const host = new RecordingHost(() => {
    asked += 1
    return Promise.resolve({ ok: true, value: { ...value, status: 100 * asked } })
  })
  const value = ANSWER.ok ? ANSWER.value : { status: 0, headers: [], body: new Uint8Array() }
  // A rewind starts `execute` from the beginning: how many requests are answered is in a global.
  const done = op.globalGet(GLOBAL.own)
  const once = (number: number): Code => [
    ...[done, op.i32(number), op.eq, op.if()],
    ...[...REQUEST, ...LEAVE_IF_UNWINDING, done, op.i32(1), op.add, op.globalSet(GLOBAL.own)],
    ...[op.i32(AT.reply), [0x2f, 1, 4], op.i32(100 * (number + 1)), [0x47]],
    ...[op.if(), op.unreachable, op.end, op.end],
  ]
  const execute = [...once(0), ...once(1), ...once(2), ...RETURN_OK]
  expect(await run({ execute }, { host })).toMatchObject({ ok: true, ioCalls: 3 })
  expect(await failureOf({ execute: [...execute.slice(0, -1), ...once(3), ...RETURN_OK] })).toMatch(
    /^trap|^io_budget/,
  )
})

/** Sets the state of asyncify behind the host's back. */
function state(value: number): Code {
  return [op.i32(value), op.globalSet(GLOBAL.state)]
}

/** Says that the frames saved so far end at `address`. */
function frameEnd(address: number): Code {
  return [op.i32(16), op.i32(address), op.store()]
}

function outputOf(pointer: number, length: number): Code {
  return [
    ...[op.i32(AT.result), op.i32(pointer), op.store(4)],
    ...[op.i32(AT.result), op.i32(length), op.store(8)],
  ]
}
