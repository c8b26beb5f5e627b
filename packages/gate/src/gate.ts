import { setTimeout as sleep } from 'node:timers/promises'
import { uuidv7 } from '@latchgate/protocol/node'
import type { FastifyInstance } from 'fastify'
import { LedgerVerification } from './audit/ledger-verification.js'
import { assertPosture, processFacts, relaxedFlags, StartupError } from './config/posture.js'
import { assertStartFiles } from './config/start-files.js'
import type { GateOptions } from './gate-options.js'
import { InFlight } from './http/in-flight.js'
import { type GateAddresses, listenAll } from './http/listen-all.js'
import { recordLoaded, reloadGate } from './http/reload.js'
import { routeTables } from './http/route-tables.js'
import type { Services } from './services.js'
import { startServices } from './start-services.js'

/** A gate that accepts calls. */
export interface RunningGate {
  readonly addresses: GateAddresses
  readonly services: Services
  /** Loads manifests, policy data, agents and issuers again, as for a signal; what is wrong is logged. */
  reload(): Promise<void>
  /** Stops accepting, lets what runs finish for at most `graceMs`, then closes. Default 30 s. */
  close(graceMs?: number): Promise<void>
}

/** Milliseconds between two summaries of unauthenticated failures (notes/evidence 8). */
const SUMMARY_INTERVAL_MS = 60_000

/** Milliseconds that connections stay open at shutdown after the last execution has ended. */
const LAST_ANSWERS_MS = 1000

/** Starts a gate; throws `StartupError` and leaves nothing behind when it may not start. */
export async function startGate(options: GateOptions): Promise<RunningGate> {
  const { config } = options.loaded
  const facts = processFacts()
  assertPosture(config, facts)
  assertStartFiles(options.loaded, facts.uid)
  const cleanups: (() => Promise<void>)[] = []
  try {
    return await assemble(options, facts.uid, cleanups)
  } catch (error) {
    for (const left of await undo(cleanups)) {
      options.log.error({ err: left }, 'what had been opened could not be closed')
    }
    throw error
  }
}

// One thing that cannot be closed must not keep the others open. Returns what failed.
async function undo(cleanups: readonly (() => Promise<void>)[]): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  for (const cleanup of [...cleanups].reverse()) {
    try {
      await cleanup()
    } catch (error) {
      failures.push(error)
    }
  }
  return failures
}

async function assemble(
  options: GateOptions,
  uid: number,
  cleanups: (() => Promise<void>)[],
): Promise<RunningGate> {
  const { config } = options.loaded
  const services = await startServices(options, uid, cleanups)
  await recordStart(services)
  const inFlight = new InFlight()
  const verification = new LedgerVerification(config.ledger_db_path, services.ledger)
  const listeners: FastifyInstance[] = []
  cleanups.push(async () => {
    await Promise.all(listeners.map((listener) => listener.close()))
  })
  const routes = routeTables({ services, inFlight, verification })
  const addresses = await listenAll(services, config, uid, routes, listeners)
  const timer = setInterval(() => void flushSummary(services), SUMMARY_INTERVAL_MS)
  timer.unref()
  services.log.info(
    { ...addresses, actions: services.actions().actions.size, policy: services.policy.version },
    'gate ready',
  )
  if (services.devMode) {
    services.log.warn(
      { flags: relaxedFlags(config), unsafe_resolve: config.egress.unsafe_resolve },
      'the posture is relaxed',
    )
  }
  let closing: Promise<void> | undefined
  return {
    addresses,
    services,
    reload: () => reloadOnSignal(services),
    close: (graceMs = 30_000) => {
      closing ??= (async () => {
        clearInterval(timer)
        // Calls that come in over kept connections hear it in so many words.
        services.drain.active = true
        services.drain.closing = true
        const closed = Promise.all([
          verification.close(),
          ...listeners.map((listener) => listener.close()),
        ])
        const settled = await inFlight.settled(graceMs)
        if (!settled) services.log.warn({ left: inFlight.size }, 'executions cut off at shutdown')
        // The last answers get a moment to be read; whoever does not read them is not waited for.
        await Promise.race([closed, sleep(LAST_ANSWERS_MS, undefined, { ref: false })])
        for (const { server } of listeners) server.closeAllConnections()
        await closed
        await flushSummary(services)
        const left = await undo(cleanups)
        if (left.length > 0) throw new AggregateError(left, 'the gate did not close in order')
        services.log.info('gate stopped')
      })()
      return closing
    },
  }
}

// Which rights a gate begins with is evidence: whoever edited the file by hand has left no record.
async function recordStart(services: Services): Promise<void> {
  const { inForce } = services.policyStore
  const file = inForce === null ? null : { data: inForce, digest: services.policy.dataDigest }
  try {
    await recordLoaded(services, null, file)
  } catch (cause) {
    const message = 'the ledger did not take the record of the policy data'
    throw new StartupError('ledger_open_failed', message, { cause })
  }
}

async function reloadOnSignal(services: Services): Promise<void> {
  try {
    const reloaded = await reloadGate(services, null)
    if (reloaded.ok) return
    const { code, detail } = reloaded.error
    services.log.error({ code, detail }, 'the reload failed: nothing has changed')
  } catch (error) {
    services.log.error({ err: error }, 'the reload failed')
  }
}

async function flushSummary(services: Services): Promise<void> {
  const counts = services.summary.take()
  if (counts === null) return
  try {
    await services.ledger.record({
      leaf: { type: 'summary', id: uuidv7(services.now()), body: { unauthenticated: counts } },
    })
  } catch (error) {
    services.log.error({ err: error, counts }, 'the summary could not be recorded')
  }
}
