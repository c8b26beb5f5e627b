import { setTimeout as sleep } from 'node:timers/promises'
import { Ed25519Signer, LruCache, ProofKeyCache, uuidv7 } from '@latchgate/protocol/node'
import { createSandbox } from '@latchgate/sandbox'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { ActionCatalogue } from './action-catalogue.js'
import { ApprovalSignals } from './approvals/approval-signals.js'
import { LearnedRules } from './approvals/learned-rules.js'
import { LedgerVerification } from './audit/ledger-verification.js'
import { loadLeaseSigningKey, loadSeed } from './auth/key-files.js'
import { loadReceiptKeys } from './auth/receipt-key-registry.js'
import { Revocations } from './auth/revocations.js'
import {
  assertPosture,
  isRelaxed,
  processFacts,
  relaxedFlags,
  StartupError,
} from './config/posture.js'
import type { LoadedConfig } from './config/schema.js'
import { assertStartFiles } from './config/start-files.js'
import type { Route as NetworkRoute } from './egress/port.js'
import { startEgress } from './egress/start-egress.js'
import { InFlight } from './http/in-flight.js'
import { type GateAddresses, listenAll } from './http/listen-all.js'
import { recordLoaded, reloadGate } from './http/reload.js'
import { routeTables } from './http/route-tables.js'
import { highWaterPathOf } from './ledger/sqlite/inspect-ledger.js'
import { openLedger, type SqliteLedgerHandle } from './ledger/sqlite/open-ledger.js'
import { RecoveringLedger } from './ledger-recovery.js'
import { ExecutionSlots } from './pipeline/slots.js'
import { UnauthenticatedSummary } from './pipeline/unauthenticated-summary.js'
import { loadPolicyFile, policyDataPath } from './policy/load.js'
import { NO_POLICY, PolicyStore } from './policy/policy-store.js'
import { createRegoEngine } from './policy/rego-wasm.js'
import { assertWildcardAcl, riskyActions } from './policy/wildcard-rule.js'
import { registerModules } from './provider-modules.js'
import type { ActionSnapshot } from './registered-action.js'
import { EnvironmentSecrets } from './secrets/environment.js'
import { SearchTurns } from './secrets/search-turns.js'
import type { Services } from './services.js'
import { GuardedState } from './state/guarded-state.js'
import { MemoryState } from './state/memory/memory-state.js'
import type { State } from './state/port.js'
import { VERSION } from './version.js'

/** What a caller of `startGate` can replace; everything else comes from the configuration. */
export interface GateOptions {
  readonly loaded: LoadedConfig
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  /** Unix milliseconds; default the system's clock. */
  readonly now?: () => number
  /** Further resumable modules; manifests name them by `sha256:…`. */
  readonly modules?: readonly Uint8Array[]
  /** Resolver of upstream names; default the system's. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  /** Where the network has a vetted address; default there (see `EgressOptions`). */
  readonly route?: NetworkRoute
  /** Replay memory and rates; default in this process. */
  readonly state?: State
  /** Durability of the ledger, for benchmarks alone. */
  readonly synchronous?: 'FULL' | 'OFF'
}

/** A gate that accepts calls. */
export interface RunningGate {
  readonly addresses: GateAddresses
  readonly services: Services
  /** Loads manifests and policy data again, as for a signal; what is wrong is logged. */
  reload(): Promise<void>
  /** Stops accepting, lets what runs finish for at most `graceMs`, then closes. Default 30 s. */
  close(graceMs?: number): Promise<void>
}

/** Milliseconds between two summaries of unauthenticated failures (notes/evidence 8). */
const SUMMARY_INTERVAL_MS = 60_000

/** Milliseconds that connections stay open at shutdown after the last execution has ended. */
const LAST_ANSWERS_MS = 1000

/** Leases whose signature need not be verified again. */
const LEASES_REMEMBERED = 10_000

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
  const services = await buildServices(options, uid, cleanups)
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

async function buildServices(
  options: GateOptions,
  uid: number,
  cleanups: (() => Promise<void>)[],
): Promise<Services> {
  const { loaded, log } = options
  const { config } = loaded
  const now = options.now ?? Date.now
  const receiptSigner = Ed25519Signer.fromSeed(loadSeed(config.receipt_signing_key_path, uid))
  const receiptKeys = loadReceiptKeys(
    config.receipt_keys_jwks_path,
    { kid: receiptSigner.kid, publicKey: receiptSigner.publicKey },
    now(),
  )
  const leaseKey = loadLeaseSigningKey(config.lease_signing_key_path, uid)
  const sandbox = await createSandbox({ maxLive: Math.max(512, config.limits.max_in_flight * 2) })
  cleanups.push(() => sandbox.close())
  const modules = await registerModules(sandbox, options.modules ?? [])
  const catalogue = new ActionCatalogue(config.manifests_dir, modules, uid)
  const { policy, policyStore } = startPolicy(loaded, catalogue.current, uid, log)
  cleanups.push(() => policy.close())
  const egress = startEgress(config, {
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    ...(options.route === undefined ? {} : { route: options.route }),
  })
  cleanups.push(() => egress.close())
  const gateId = uuidv7(now())
  const ledger = await startLedger(options, uid, gateId, receiptKeys)
  cleanups.push(() => ledger.close())
  const state = new GuardedState(options.state ?? new MemoryState(now), log)
  cleanups.push(() => state.close())
  const revocations = new Revocations(ledger)
  const learned = new LearnedRules(ledger)
  await Promise.all([revocations.load(), learned.refresh()])
  return {
    config,
    version: VERSION,
    gateId,
    devMode: isRelaxed(config),
    startedAt: now(),
    now,
    log,
    actions: () => catalogue.current,
    catalogue,
    ledger,
    state,
    policy,
    policyStore,
    secrets: new EnvironmentSecrets(options.env, config.secrets.env_prefix),
    egress,
    sandbox,
    searchTurns: new SearchTurns(),
    slots: new ExecutionSlots(config.limits),
    summary: new UnauthenticatedSummary(),
    receiptSigner,
    receiptKeys,
    leaseKey,
    leaseKeys: new Map([[leaseKey.kid, leaseKey]]),
    proofKeys: new ProofKeyCache(),
    leases: new LruCache(LEASES_REMEMBERED),
    drain: { active: false, closing: false, acts: 0 },
    revocations,
    learned,
    approvalSignals: new ApprovalSignals(),
  }
}

function startPolicy(
  loaded: LoadedConfig,
  snapshot: ActionSnapshot,
  uid: number,
  log: Logger,
): Pick<Services, 'policy' | 'policyStore'> {
  const path = policyDataPath(loaded.root)
  const aclInsecure = loaded.config.posture.acl_insecure
  const inForce = loadPolicyFile(path)?.data ?? null
  if (inForce === null) {
    log.warn({ root: loaded.root }, 'no policies/data.json: everything is denied')
  } else if (!aclInsecure) {
    assertWildcardAcl(inForce, riskyActions(snapshot))
  }
  const engine = createRegoEngine(inForce ?? NO_POLICY)
  const policyStore = new PolicyStore({ path, uid, aclInsecure, engine, inForce })
  return { policy: engine, policyStore }
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

async function startLedger(
  options: GateOptions,
  uid: number,
  gateId: string,
  receiptKeys: Services['receiptKeys'],
): Promise<RecoveringLedger> {
  const { config } = options.loaded
  const path = config.ledger_db_path
  const logKeySeed = loadSeed(config.log_signing_key_path, uid)
  const open = (): Promise<SqliteLedgerHandle> =>
    openLedger({
      path,
      origin: config.gate_name,
      gateId,
      logKeySeed,
      receiptKeys,
      highWaterPath: highWaterPathOf(path),
      log: options.log,
      ...(options.now === undefined ? {} : { now: options.now }),
      ...(options.synchronous === undefined ? {} : { synchronous: options.synchronous }),
    })
  try {
    return new RecoveringLedger(await open(), open, options.log)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new StartupError('ledger_open_failed', message, { cause })
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
