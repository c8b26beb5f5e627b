import { Pool } from 'undici'
import { credentials, type HeldLease, RawClient, takeLease } from '../harness/raw-client.js'

/** An agent that can call as fast as it can sign. */
export class LoadAgent {
  readonly #pool: Pool
  readonly #lease: HeldLease
  readonly #body: string

  private constructor(pool: Pool, lease: HeldLease, url: string) {
    this.#pool = pool
    this.#lease = lease
    this.#body = JSON.stringify({ url })
  }

  static async connect(socket: string, connections: number, url: string): Promise<LoadAgent> {
    const client = new RawClient({ socket })
    const lease = await takeLease(client)
    await client.close()
    const pool = new Pool('http://localhost', { socketPath: socket, connections, pipelining: 1 })
    return new LoadAgent(pool, lease, url)
  }

  /** One call; throws unless it was executed. */
  async call(): Promise<void> {
    const path = '/v1/actions/http_fetch/execute'
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path,
      headers: credentials(this.#lease, 'POST', path),
      body: this.#body,
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`call answered ${statusCode}: ${text}`)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

/** Figures of a closed loop. */
export interface ClosedLoop {
  readonly calls: number
  readonly seconds: number
}

/** `concurrency` callers, each beginning its next call when the last one was answered. */
export async function closedLoop(
  agent: LoadAgent,
  concurrency: number,
  seconds: number,
): Promise<ClosedLoop> {
  const began = performance.now()
  const end = began + seconds * 1000
  let calls = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      await agent.call()
      calls += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return { calls, seconds: (performance.now() - began) / 1000 }
}

/** Calls at fixed times, whatever the answers do: latencies in milliseconds, sorted. */
export async function openLoop(
  agent: LoadAgent,
  perSecond: number,
  seconds: number,
): Promise<readonly number[]> {
  const began = performance.now()
  const latencies: number[] = []
  const calls: Promise<void>[] = []
  for (let i = 0; i < perSecond * seconds; i += 1) {
    const due = began + (i * 1000) / perSecond
    const wait = due - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    // From when it was due: a generator that lags must not hide the gate's lag.
    calls.push(
      agent.call().then(() => {
        latencies.push(performance.now() - due)
      }),
    )
  }
  await Promise.all(calls)
  return latencies.sort((a, b) => a - b)
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
