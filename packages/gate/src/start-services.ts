import { Ed25519Signer, LruCache, ProofKeyCache, uuidv7 } from '@latchgate/protocol/node'
import { createSandbox } from '@latchgate/sandbox'
import type { Logger } from 'pino'
import { ActionCatalogue } from './action-catalogue.js'
import { ApprovalSignals } from './approvals/approval-signals.js'
import { LearnedRules } from './approvals/learned-rules.js'
import { AgentKeys } from './auth/agent-keys.js'
import { JwksClient } from './auth/jwks-client.js'
import { loadLeaseSigningKey, loadSeed } from './auth/key-files.js'
import { loadReceiptKeys } from './auth/receipt-key-registry.js'
import { Revocations } from './auth/revocations.js'
import { TokenIssuers } from './auth/token-issuers.js'
import { loadConfig } from './config/load.js'
import { isRelaxed, StartupError } from './config/posture.js'
import { rereadConfig } from './config/reread.js'
import type { GateConfig, LoadedConfig } from './config/schema.js'
import { readExtraCa, startEgress } from './egress/start-egress.js'
import { lazySecureContext } from './egress/trust-roots.js'
import type { GateOptions } from './gate-options.js'
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
import { VERSION } from './version.js'

/** Leases whose signature need not be verified again. */
const LEASES_REMEMBERED = 10_000

/**
 * Builds what the stages and routes of a gate use: keys, modules, manifests, policy, ledger. What has to
 * be closed again is pushed onto `cleanups` as it is opened. Throws `StartupError` for what keeps a gate
 * from starting.
 */
export async function startServices(
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
  const tokenIssuers = startTokenIssuers(config, now, log)
  cleanups.push(() => tokenIssuers.close())
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
    agentKeys: new AgentKeys(config.agents),
    tokenIssuers,
    rereadConfig: () => rereadConfig(() => reread(options), uid, config),
    proofKeys: new ProofKeyCache(),
    leases: new LruCache(LEASES_REMEMBERED),
    drain: { active: false, closing: false, acts: 0 },
    revocations,
    learned,
    approvalSignals: new ApprovalSignals(),
  }
}

// A gate that was started without a file keeps what it was started with.
function reread({ loaded, env }: GateOptions): LoadedConfig {
  return loaded.file === null ? loaded : loadConfig(loaded.file, { env, cwd: loaded.root })
}

function startTokenIssuers(config: GateConfig, now: () => number, log: Logger): TokenIssuers {
  const client = new JwksClient(lazySecureContext(readExtraCa(config)))
  return new TokenIssuers(config.identity.jwt, { client, now, log })
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
