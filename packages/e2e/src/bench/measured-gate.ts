import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createTestProject, type TestProject } from '../harness/gate.js'

/** A gate in a child process, with its clock of CPU time. */
export interface MeasuredGate {
  readonly project: TestProject
  /** Milliseconds from spawn to ready. */
  readonly startMs: number
  /** CPU milliseconds of all its threads so far, user and system. */
  cpuMs(): number
  /** Resident memory in MiB. */
  rssMb(): number
  stop(): Promise<void>
}

/** Starts a gate without rate limits whose `api.github.com:80` is the given loopback address. */
export async function startMeasuredGate(
  upstream: string,
  synchronous: 'FULL' | 'OFF' = 'FULL',
): Promise<MeasuredGate> {
  const project = await createTestProject({
    resolve: { 'api.github.com:80': upstream },
    tables: [
      '[rate_limits]',
      'execute_rps_per_session = 1000000',
      'execute_rps_per_principal = 1000000',
      'execute_rps_anonymous = 1000000',
      'lease_rps = 1000000',
      '[limits]',
      'max_in_flight = 512',
      'max_in_flight_per_principal = 512',
    ].join('\n'),
  })
  const began = performance.now()
  const script = fileURLToPath(new URL('./gate-child.js', import.meta.url))
  const child = fork(script, [project.configFile, synchronous], { stdio: 'inherit' })
  await ready(child)
  const startMs = performance.now() - began
  const { pid } = child
  if (pid === undefined) throw new Error('the gate has no pid')
  return {
    project,
    startMs,
    cpuMs: () => cpuMs(pid),
    rssMb: () => rssMb(pid),
    stop: async () => {
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
      project.remove()
    },
  }
}

async function ready(child: ChildProcess): Promise<void> {
  const [what] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => ['exit']),
  ])) as [unknown]
  if (what !== 'ready') throw new Error('the gate ended before it was ready')
}

// utime and stime are fields 14 and 15, in ticks of 10 ms, behind the command's closing parenthesis.
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function rssMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) / 1024
}
