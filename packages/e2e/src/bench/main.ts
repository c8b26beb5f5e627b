import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { startUpstream, type Upstream } from '@latchgate/testkit'
import { ledgerCalls } from './ledger-load.js'
import { closedLoop, LoadAgent, openLoop, quantile } from './load.js'
import { type MeasuredGate, startMeasuredGate } from './measured-gate.js'
import { twoTransactionsPerCall } from './two-transactions.js'

interface Row {
  readonly name: string
  readonly value: string
  readonly bar: string
  readonly met: boolean
}

const URL_OF_UPSTREAM = 'http://api.github.com/'
const CONCURRENCY = 32

/** `npm run bench`: the bars of the design that apply, in one run, as a table. */
async function main(): Promise<number> {
  const seconds = Number(process.env['BENCH_SECONDS'] ?? '6')
  const rows: Row[] = []
  const upstream = await startUpstream({ scheme: 'http' })
  try {
    rows.push(...(await throughput(upstream, seconds)))
    rows.push(...(await slowUpstream()))
  } finally {
    await upstream.close()
  }
  const width = Math.max(...rows.map((row) => row.name.length))
  for (const row of rows) {
    const mark = row.met ? 'met ' : 'MISS'
    process.stdout.write(
      `${mark}  ${row.name.padEnd(width)}  ${row.value.padStart(18)}   bar ${row.bar}\n`,
    )
  }
  process.stdout.write(
    `\nNode ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores\n`,
  )
  return 0
}

async function throughput(upstream: Upstream, seconds: number): Promise<readonly Row[]> {
  const gate = await startMeasuredGate(upstream.address)
  const idle = await idleRow(gate)
  const agent = await LoadAgent.connect(gate.project.socket, CONCURRENCY, URL_OF_UPSTREAM)
  progress('warming up')
  await closedLoop(agent, CONCURRENCY, 2)
  progress('closed loop, durable')
  const cpuBefore = gate.cpuMs()
  const durable = await closedLoop(agent, CONCURRENCY, seconds)
  const cpuPerCall = ((gate.cpuMs() - cpuBefore) * 1000) / durable.calls
  const rate = durable.calls / durable.seconds
  progress('open loop at 200 a second')
  const latencies = await openLoop(agent, 200, seconds)
  await agent.close()
  await gate.stop()

  progress('closed loop, synchronous=OFF')
  const fast = await startMeasuredGate(upstream.address, 'OFF')
  const fastAgent = await LoadAgent.connect(fast.project.socket, CONCURRENCY, URL_OF_UPSTREAM)
  await closedLoop(fastAgent, CONCURRENCY, 2)
  const loose = await closedLoop(fastAgent, CONCURRENCY, seconds)
  await fastAgent.close()
  await fast.stop()
  progress('two transactions a call')
  const yardstick = twoTransactionsPerCall(3)
  progress('the ledger alone')
  const ledgerRate = await ledgerCalls(CONCURRENCY, 3)
  const looseRate = loose.calls / loose.seconds
  const p50 = quantile(latencies, 0.5)
  const p99 = quantile(latencies, 0.99)
  return [
    atMost('CPU of the gate per allowed call', cpuPerCall, 600, 'µs'),
    atLeast('durable executions a second, concurrency 32', rate, 1200, '/s'),
    atLeast('durable / synchronous=OFF', rate / looseRate, 0.7, ''),
    atLeast('durable / two SQLite transactions a call', rate / yardstick, 1, ''),
    atLeast('the ledger alone / two SQLite transactions a call', ledgerRate / yardstick, 1, ''),
    atMost('open loop at 200/s: p50', p50, 8, 'ms'),
    atMost('open loop at 200/s: p99', p99, 30, 'ms'),
    ...idle,
  ]
}

async function idleRow(gate: MeasuredGate): Promise<readonly Row[]> {
  await sleep(500)
  return [
    atMost('cold start to ready', gate.startMs, 1000, 'ms'),
    atMost('idle memory', gate.rssMb(), 150, 'MiB'),
  ]
}

async function slowUpstream(): Promise<readonly Row[]> {
  progress('256 parallel calls to a 200 ms upstream')
  const slow = await startUpstream({
    scheme: 'http',
    handler: async () => {
      await sleep(200)
      return { status: 200, body: '{}' }
    },
  })
  const gate = await startMeasuredGate(slow.address)
  const agent = await LoadAgent.connect(gate.project.socket, 256, URL_OF_UPSTREAM)
  try {
    await Promise.all(Array.from({ length: 64 }, () => agent.call()))
    const began = performance.now()
    await Promise.all(Array.from({ length: 256 }, () => agent.call()))
    return [atMost('256 parallel calls, upstream 200 ms', performance.now() - began, 1500, 'ms')]
  } finally {
    await agent.close()
    await gate.stop()
    await slow.close()
  }
}

function atMost(name: string, value: number, bar: number, unit: string): Row {
  return { name, value: shown(value, unit), bar: `≤ ${bar} ${unit}`.trimEnd(), met: value <= bar }
}

function atLeast(name: string, value: number, bar: number, unit: string): Row {
  return { name, value: shown(value, unit), bar: `≥ ${bar} ${unit}`.trimEnd(), met: value >= bar }
}

function shown(value: number, unit: string): string {
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(2)} ${unit}`.trimEnd()
}

function progress(text: string): void {
  process.stderr.write(`… ${text}\n`)
}

process.exitCode = await main()
