import { readFileSync } from 'node:fs'
import { httpApiModule } from '@latchgate/providers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lowerReply, lowerString, type Realloc } from '../src/abi/lower.js'
import { createSandbox } from '../src/create-sandbox.js'
import { meterProvider } from '../src/meter-provider.js'
import type { HostHttpResponse, HostReply, Sandbox } from '../src/types.js'
import { MeteredInstance } from './support/metered.js'
import { HTTP } from './support/provider.js'
import { RecordingHost, taskFor } from './support/tasks.js'

let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await createSandbox()
})

afterAll(async () => {
  await sandbox.close()
})

const reply = (body: string, headers: number): HostReply<HostHttpResponse> => ({
  ok: true,
  value: {
    status: 200,
    headers: Array.from({ length: headers }, (_, n) => [`x-${n}`, 'v'] as const),
    body: Buffer.from(body),
  },
})

/** Runs a module with a host that answers inside the import: nothing is suspended. */
function fuelWithoutSuspension(
  bytes: Uint8Array,
  input: string,
  answer: HostReply<HostHttpResponse>,
): number {
  const run: { instance?: MeteredInstance } = {}
  const instance = new MeteredInstance(meterProvider(bytes, 16).bytes, {
    [HTTP]: {
      request: (...flat: number[]) =>
        lowerReply(memoryOf(run.instance!), reallocOf(run.instance!), answer, flat[10]!),
    },
  })
  run.instance = instance
  const [pointer, length] = lowerString(memoryOf(instance), reallocOf(instance), input)
  instance.call('execute', pointer, length)
  // The sandbox asks for the state once the module has returned.
  expect(instance.call('asyncify_get_state')).toBe(0)
  return instance.fuel
}

const memoryOf = (instance: MeteredInstance): WebAssembly.Memory =>
  ({
    get buffer() {
      return instance.memory.buffer
    },
  }) as unknown as WebAssembly.Memory

const reallocOf =
  (instance: MeteredInstance): Realloc =>
  (...args) =>
    instance.call('cabi_realloc', ...args) as number

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../test/modules/${name}.wasm`, import.meta.url)))

const long = JSON.stringify({
  url: `https://a.example/${'p'.repeat(5000)}`,
  headers: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`h${n}`, 'ü"\\'.repeat(9)])),
  body_base64: Buffer.alloc(30_000, 7).toString('base64'),
})

test.each([
  ['http_api, a short answer', httpApiModule().bytes, '{"url":"https://a/"}', reply('', 0)],
  ['http_api, a long answer', httpApiModule().bytes, long, reply('"é\n'.repeat(50_000), 200)],
  ['http_api, an error', httpApiModule().bytes, long, { ok: false, error: 'no' } as const],
  ['two suspensions in one call', file('second-request'), long, reply('x'.repeat(1000), 3)],
])(
  'a call costs the same whether it was suspended or not: %s',
  async (_name, bytes, input, answer) => {
    const { digest } = await sandbox.register(bytes)
    const host = new RecordingHost(() => Promise.resolve(answer))
    const limits = { maxOutputBytes: 10_000_000 }
    const outcome = await sandbox.run(taskFor(digest, { input, host, limits }))
    expect(outcome).toMatchObject({ ok: true })
    expect(outcome.fuelConsumed).toBe(fuelWithoutSuspension(bytes, input, answer))
  },
)
