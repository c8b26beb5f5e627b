import { httpApiModule } from '@latchgate/providers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SandboxPool } from '../src/pool/sandbox-pool.js'
import { DEFAULT_TUNING, type PoolTuning } from '../src/pool/tuning.js'
import {
  ExecutionAborted,
  type HostHttpResponse,
  type HostReply,
  ModuleRefused,
  SandboxBusy,
  type SandboxOptions,
  type SandboxOutcome,
} from '../src/types.js'
import { type Code, op } from './support/assemble.js'
import { GLOBAL, LEAVE_IF_UNWINDING, provider, REQUEST, RETURN_OK } from './support/provider.js'
import { ANSWER, RecordingHost, taskFor } from './support/tasks.js'

type Answer = (reply: HostReply<HostHttpResponse>) => void

const ASKING: Code = [...REQUEST, ...LEAVE_IF_UNWINDING]
const ONE_REQUEST = provider({ execute: [...ASKING, ...RETURN_OK] })
const SPIN = provider({ execute: [op.loop(), op.br(0), op.end, ...RETURN_OK] })
const AT_ONCE = provider({ execute: RETURN_OK })
/** Far above what any test computes for. */
const NO_END = { fuel: 1_000_000_000_000, timeoutMs: 20_000 }

const pools: SandboxPool[] = []

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

async function start(
  options: SandboxOptions = {},
  tuning: Partial<PoolTuning> = {},
): Promise<SandboxPool> {
  const pool = await SandboxPool.start(options, { ...DEFAULT_TUNING, ...tuning })
  pools.push(pool)
  return pool
}

async function register(pool: SandboxPool, bytes: Uint8Array): Promise<string> {
  return (await pool.register(bytes)).digest
}

/** A host that answers when the test says so. */
function waitingHost(): { host: RecordingHost; answers: Answer[] } {
  const answers: Answer[] = []
  const host = new RecordingHost(() => new Promise((resolve) => answers.push(resolve)))
  return { host, answers }
}

const failureOf = (outcome: SandboxOutcome): string =>
  outcome.ok ? 'ok' : `${outcome.failure}: ${outcome.message}`

describe('waiting calls', () => {
  test('a thousand wait at once on one worker, and all of them finish', async () => {
    const pool = await start({ workers: 1, maxLive: 1000 })
    const module = await register(pool, httpApiModule().bytes)
    const { host, answers } = waitingHost()
    const input = JSON.stringify({ url: 'https://a.example/' })
    const calls = Array.from({ length: 1000 }, () => pool.run(taskFor(module, { input, host })))
    // None is answered before all have asked: none of them holds the worker while it waits.
    await vi.waitFor(() => expect(answers.length).toBe(1000), { timeout: 20_000 })
    for (const answer of answers) answer(ANSWER)
    const outcomes = await Promise.all(calls)
    expect(new Set(outcomes.map((one) => JSON.stringify({ ...one, durationMs: 0 }))).size).toBe(1)
    expect(outcomes[0]).toMatchObject({ ok: true, variant: 'ok', ioCalls: 1 })
    expect(pool.live).toBe(0)
  })

  test('two hundred wait beside endless loops, and finish while those run out of fuel', async () => {
    const pool = await start()
    const asking = await register(pool, ONE_REQUEST)
    const spinning = await register(pool, SPIN)
    const { host, answers } = waitingHost()
    const calls = Array.from({ length: 200 }, () => pool.run(taskFor(asking, { host })))
    await vi.waitFor(() => expect(answers.length).toBe(200), { timeout: 20_000 })
    const loops = Array.from({ length: 5 }, () => pool.run(taskFor(spinning)))
    for (const answer of answers) answer(ANSWER)
    expect((await Promise.all(calls)).filter((one) => one.ok).length).toBe(200)
    expect((await Promise.all(loops)).map(failureOf)).toEqual(
      new Array(5).fill('fuel_exhausted: used all of 100000000 instructions'),
    )
  })

  test('an answered call goes on before a queue of others begins', async () => {
    const pool = await start()
    const asking = await register(pool, ONE_REQUEST)
    const spinning = await register(pool, SPIN)
    const { host, answers } = waitingHost()
    const order: string[] = []
    const waiting = pool.run(taskFor(asking, { host })).then(() => order.push('waiting'))
    await vi.waitFor(() => expect(answers.length).toBe(1))
    const loops = Array.from({ length: 10 }, () =>
      pool.run(taskFor(spinning)).then(() => order.push('loop')),
    )
    answers[0]!(ANSWER)
    await Promise.all([waiting, ...loops])
    expect(order[0]).toBe('waiting')
  })

  test('calls are spread over two workers, so that a loop in one does not stop the other', async () => {
    const pool = await start({ workers: 2 }, { maxFuel: NO_END.fuel, maxStretchMs: 20_000 })
    const spinning = await register(pool, SPIN)
    const at = await register(pool, AT_ONCE)
    const stop = new AbortController()
    const loop = pool.run(taskFor(spinning, { limits: NO_END, signal: stop.signal }))
    expect(await pool.run(taskFor(at))).toMatchObject({ ok: true })
    stop.abort()
    expect(failureOf(await loop)).toBe('cancelled: the caller cancelled the execution')
  })
})

describe('fuel', () => {
  test('is the same in every call, on both workers, and however long the answer took', async () => {
    const pool = await start({ workers: 2 })
    const module = await register(pool, httpApiModule().bytes)
    const input = JSON.stringify({ url: 'https://a.example/', headers: { a: 'b' } })
    const late = new RecordingHost(
      () => new Promise((resolve) => setTimeout(() => resolve(ANSWER), 30)),
    )
    const hosts = [new RecordingHost(), late, new RecordingHost(), late]
    const outcomes = await Promise.all(
      hosts.map((host) => pool.run(taskFor(module, { input, host }))),
    )
    const used = outcomes.map((one) => one.fuelConsumed)
    expect(new Set(used).size).toBe(1)
    expect(used[0]).toBeGreaterThan(4096)
  })

  test('is bounded by the pool, whatever a manifest says', async () => {
    const pool = await start({}, { maxFuel: 1_000_000 })
    const spinning = await register(pool, SPIN)
    const outcome = await pool.run(taskFor(spinning, { limits: { fuel: 10_000_000_000 } }))
    expect(failureOf(outcome)).toBe('fuel_exhausted: used all of 1000000 instructions')
    expect(outcome.fuelConsumed).toBe(1_000_000)
  })

  test('that is left does not let a module compute on: the clock ends it', async () => {
    const pool = await start({}, { maxFuel: NO_END.fuel, maxStretchMs: 20 })
    const spinning = await register(pool, SPIN)
    const outcome = await pool.run(taskFor(spinning, { limits: NO_END }))
    expect(failureOf(outcome)).toBe('wall_clock: computed for 20 ms in one go')
  })
})

describe('the end of a call from outside', () => {
  test('a deadline ends it, aborts its host call, and a late answer is ignored', async () => {
    const pool = await start()
    const module = await register(pool, ONE_REQUEST)
    const { host, answers } = waitingHost()
    const outcome = await pool.run(taskFor(module, { host, limits: { timeoutMs: 50 } }))
    expect(failureOf(outcome)).toBe('wall_clock: not done after 50 ms')
    expect(outcome.ioCalls).toBe(1)
    expect(host.signals.map((one) => one.aborted)).toEqual([true])
    answers[0]!(ANSWER)
    await vi.waitFor(() => expect(pool.live).toBe(0))
    expect(await pool.run(taskFor(module))).toMatchObject({ ok: true })
  })

  test('a cancelled call ends at once, and one that was cancelled before never begins', async () => {
    const pool = await start()
    const module = await register(pool, ONE_REQUEST)
    const { host, answers } = waitingHost()
    const stop = new AbortController()
    const call = pool.run(taskFor(module, { host, signal: stop.signal }))
    await vi.waitFor(() => expect(answers.length).toBe(1))
    stop.abort()
    expect(failureOf(await call)).toBe('cancelled: the caller cancelled the execution')
    const never = await pool.run(taskFor(module, { host, signal: stop.signal }))
    expect(failureOf(never)).toBe('cancelled: cancelled before it began')
    expect(host.requests.length).toBe(1)
  })

  test('it waits for its host to notice, so that what was sent is known', async () => {
    const pool = await start()
    const module = await register(pool, ONE_REQUEST)
    let noticed = false
    const host = new RecordingHost(
      (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () =>
            setTimeout(() => {
              noticed = true
              reject(new ExecutionAborted('aborted', 'on purpose'))
            }, 20),
          )
        }),
    )
    const outcome = await pool.run(taskFor(module, { host, limits: { timeoutMs: 30 } }))
    expect([noticed, outcome.ok ? null : outcome.failure]).toEqual([true, 'wall_clock'])
  })

  test('closing ends what runs, and nothing begins afterwards', async () => {
    const pool = await start()
    const module = await register(pool, ONE_REQUEST)
    const { host, answers } = waitingHost()
    const call = pool.run(taskFor(module, { host }))
    await vi.waitFor(() => expect(answers.length).toBe(1))
    await pool.close()
    expect(failureOf(await call)).toBe('cancelled: the sandbox is closing')
    await expect(pool.run(taskFor(module))).rejects.toThrow(
      new SandboxBusy('the sandbox is closed'),
    )
  })
})

describe('what all calls together may have', () => {
  test('more live instances than the cap are refused as busy, until one has gone', async () => {
    const pool = await start({ maxLive: 3 })
    const module = await register(pool, ONE_REQUEST)
    const { host, answers } = waitingHost()
    const calls = Array.from({ length: 3 }, () => pool.run(taskFor(module, { host })))
    await expect(pool.run(taskFor(module))).rejects.toThrow(
      new SandboxBusy('3 executions are live'),
    )
    await vi.waitFor(() => expect(answers.length).toBe(3))
    answers[0]!(ANSWER)
    await calls[0]
    expect(await pool.run(taskFor(module))).toMatchObject({ ok: true })
  })

  test('an instance that does not fit the total memory is refused as busy, before it runs', async () => {
    const pool = await start({ maxTotalMemoryMb: 1 })
    const eight = provider({
      execute: [...ASKING, ...RETURN_OK],
      change: (source) => ({ ...source, memory: [0, 8] }),
    })
    const module = await register(pool, eight)
    const { host, answers } = waitingHost()
    const calls = [0, 1].map(() => pool.run(taskFor(module, { host })))
    await vi.waitFor(() => expect(answers.length).toBe(2))
    await expect(pool.run(taskFor(module, { host }))).rejects.toThrow(
      new SandboxBusy('the memory of all executions together is used up'),
    )
    expect(host.requests.length).toBe(2)
    answers[0]!(ANSWER)
    await calls[0]
    expect(await pool.run(taskFor(module))).toMatchObject({ ok: true })
  })

  test('a call that cannot grow because of the others is told from one above its own limit', async () => {
    const pool = await start({ maxTotalMemoryMb: 1 })
    // A rewind runs `execute` again: it grows the first time only.
    const grow: Code = [
      ...[op.globalGet(GLOBAL.state), op.eqz, op.if()],
      ...[op.i32(9), op.memoryGrow, op.drop, op.end],
    ]
    const ten = await register(pool, provider({ execute: [...grow, ...ASKING, ...RETURN_OK] }))
    const { host, answers } = waitingHost()
    const first = pool.run(taskFor(ten, { host }))
    await vi.waitFor(() => expect(answers.length).toBe(1))
    const second = await pool.run(taskFor(ten, { host }))
    expect(failureOf(second)).toBe('overloaded: the memory of all executions together is used up')
    expect(second.fuelConsumed).toBeGreaterThan(4096)
    answers[0]!(ANSWER)
    expect(await first).toMatchObject({ ok: true })
    expect(await pool.run(taskFor(ten))).toMatchObject({ ok: true })
  })

  test('memory is given back by every way a call ends', async () => {
    const pool = await start({ maxTotalMemoryMb: 1 })
    const grow: Code = [op.i32(14), op.memoryGrow, op.drop]
    const ends: readonly Code[] = [
      [...grow, ...RETURN_OK],
      [...grow, op.unreachable],
      [...grow, op.loop(), op.br(0), op.end, ...RETURN_OK],
      [...grow, op.i32(1)],
    ]
    for (const execute of ends) {
      const module = await register(pool, provider({ execute }))
      for (let n = 0; n < 3; n += 1) {
        const outcome = await pool.run(taskFor(module, { limits: { fuel: 1_000_000 } }))
        expect(failureOf(outcome)).not.toMatch(/overloaded/)
      }
    }
    const waiting = await register(pool, provider({ execute: [...grow, ...ASKING, ...RETURN_OK] }))
    for (let n = 0; n < 3; n += 1) {
      const host = new RecordingHost(() => Promise.reject(new ExecutionAborted('end', 'now')))
      expect(failureOf(await pool.run(taskFor(waiting, { host })))).toBe('end: now')
      await vi.waitFor(() => expect(pool.live).toBe(0))
    }
  })
})

describe('a worker', () => {
  const hanging = { maxFuel: NO_END.fuel, maxStretchMs: 20_000, graceMs: 100 }

  /** Begins a loop without an end, and ends the call: the worker does not hear of it. */
  async function hang(pool: SandboxPool, spinning: string): Promise<void> {
    const stop = new AbortController()
    const loop = pool.run(taskFor(spinning, { limits: NO_END, signal: stop.signal }))
    await new Promise((resolve) => setTimeout(resolve, 250))
    stop.abort()
    expect(failureOf(await loop)).toBe('cancelled: the caller cancelled the execution')
  }

  test('that hangs is replaced; the calls in it are lost, and say so, and new ones run', async () => {
    const pool = await start({}, hanging)
    const asking = await register(pool, ONE_REQUEST)
    const spinning = await register(pool, SPIN)
    const { host, answers } = waitingHost()
    const waiting = pool.run(taskFor(asking, { host }))
    await vi.waitFor(() => expect(answers.length).toBe(1))
    await hang(pool, spinning)
    expect(failureOf(await waiting)).toBe(
      'worker_lost: the sandbox worker was lost: no answer for 100 ms',
    )
    expect(host.signals[0]?.aborted).toBe(true)
    expect(await pool.run(taskFor(asking))).toMatchObject({ ok: true })
  })

  test('that is only busy is not lost, however long its queue is', async () => {
    const pool = await start({}, { graceMs: 250 })
    const asking = await register(pool, ONE_REQUEST)
    const spinning = await register(pool, SPIN)
    const { host, answers } = waitingHost()
    const waiting = pool.run(taskFor(asking, { host }))
    await vi.waitFor(() => expect(answers.length).toBe(1))
    // More than ten milliseconds each: the last of them are dropped long before their turn.
    const limits = { fuel: 400_000_000, timeoutMs: 60 }
    const loops = Array.from({ length: 80 }, () => pool.run(taskFor(spinning, { limits })))
    const ends = new Set((await Promise.all(loops)).map((one) => failureOf(one).split(':')[0]))
    expect([...ends].filter((one) => one !== 'fuel_exhausted' && one !== 'wall_clock')).toEqual([])
    answers[0]!(ANSWER)
    expect(await waiting).toMatchObject({ ok: true })
  })

  test('that cannot be started fails the start, with the reason', async () => {
    const program = new URL('data:text/javascript,process.exit(3)')
    await expect(start({}, { program })).rejects.toThrow(
      'the sandbox worker does not start: exit code 3',
    )
  })

  test.each([
    ['ends at once', 'process.exit(3)'],
    ['is never ready', 'setInterval(() => undefined, 1000)'],
  ])(
    'whose successor %s has another; meanwhile calls are refused as busy or time out',
    async (_name, code) => {
      const programs = [DEFAULT_TUNING.program, new URL(`data:text/javascript,${code}`)]
      // A getter: the program is asked for at every start.
      const pool = await SandboxPool.start(
        {},
        {
          ...hanging,
          get program(): URL {
            return programs.shift() ?? DEFAULT_TUNING.program
          },
        },
      )
      pools.push(pool)
      const at = await register(pool, AT_ONCE)
      await hang(pool, await register(pool, SPIN))
      const seen = new Set<string>()
      await vi.waitFor(
        async () => {
          const call = pool.run(taskFor(at, { limits: { timeoutMs: 200 } }))
          const end = await call.then(failureOf, String)
          seen.add(end)
          expect([end, seen.size > 1]).toEqual(['ok', true])
        },
        { timeout: 20_000, interval: 20 },
      )
      expect([...seen]).toContain('SandboxBusy: the sandbox worker is being replaced')
    },
  )
})

describe('before a call begins', () => {
  const cases: readonly (readonly [string, Parameters<typeof taskFor>[1], string])[] = [
    [
      'an import that the manifest does not declare',
      { imports: ['latchgate:io/log'] },
      'import_not_declared: the module imports latchgate:io/http',
    ],
    [
      'nothing declared',
      { imports: [] },
      'import_not_declared: the module imports latchgate:io/http',
    ],
    [
      'a memory above the limit of the manifest',
      { limits: { memoryMb: 0 } },
      'memory_limit: the memory begins with 1 pages',
    ],
  ]
  test.each(cases)('%s ends it, and the host sees nothing', async (_name, changes, expected) => {
    const pool = await start()
    const host = new RecordingHost()
    const module = await register(pool, ONE_REQUEST)
    expect(failureOf(await pool.run(taskFor(module, { host, ...changes })))).toBe(expected)
    expect([host.requests.length, pool.live]).toEqual([0, 0])
  })

  test('a module that nobody registered is not found', async () => {
    const pool = await start()
    expect(failureOf(await pool.run(taskFor('sha256:00')))).toBe(
      'module_not_found: no module sha256:00',
    )
  })

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'a limit of %d is a fault of the caller',
    async (fuel) => {
      const pool = await start()
      const module = await register(pool, AT_ONCE)
      await expect(pool.run(taskFor(module, { limits: { fuel } }))).rejects.toThrow(TypeError)
    },
  )

  test('registering twice is one module; what changes the bytes afterwards changes nothing', async () => {
    const pool = await start()
    const bytes = provider({ execute: RETURN_OK })
    const first = pool.register(bytes)
    bytes.fill(0)
    const { digest, imports } = await first
    expect(imports).toEqual(['latchgate:io/http', 'latchgate:io/log'])
    expect((await pool.register(provider({ execute: RETURN_OK }))).digest).toBe(digest)
    expect(await pool.run(taskFor(digest))).toMatchObject({ ok: true })
    await expect(pool.register(bytes)).rejects.toThrow(ModuleRefused)
  })
})

test('the host keeps the bytes that it answers with, and gets no view of the memory', async () => {
  const pool = await start()
  const module = await register(pool, ONE_REQUEST)
  const whole = new Uint8Array(1000).fill(0x61)
  const body = whole.subarray(100, 200)
  const host = new RecordingHost(() =>
    Promise.resolve({ ok: true, value: { status: 200, headers: [], body } }),
  )
  expect(await pool.run(taskFor(module, { host }))).toMatchObject({ ok: true })
  expect([body.length, whole.length]).toEqual([100, 1000])
})
