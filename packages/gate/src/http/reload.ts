import { type ReloadBody, type Result, sanitizeText } from '@latchgate/protocol'
import { ManifestsRefused } from '../action-snapshot.js'
import type { OperatorContext } from '../auth/operator.js'
import type { TokenIssuer } from '../auth/token-issuers.js'
import { ConfigError } from '../config/config-error.js'
import { StartupError } from '../config/posture.js'
import type { GateConfig } from '../config/schema.js'
import { type OperatorAct, recordAct, recordActWithoutProof } from '../operator-act.js'
import { validatePolicyData } from '../policy/data-document.js'
import { PolicyFault } from '../policy/engine.js'
import { policyDataDigest } from '../policy/policy-document.js'
import { type PolicyFile, PolicyFileError } from '../policy/policy-file.js'
import { NO_POLICY } from '../policy/policy-store.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { ActionSnapshot } from '../registered-action.js'
import type { Services } from '../services.js'
import { identityRecord } from './identity-record.js'

interface Loaded {
  readonly snapshot: ActionSnapshot
  readonly file: PolicyFile | null
  readonly agents: GateConfig['agents']
  readonly issuers: readonly TokenIssuer[]
}

/**
 * Loads manifests, policy data, the registered agents and the issuers of tokens again and puts all of them
 * into force, or none (spec/http-api 12.5).
 * `operator` is null for a signal.
 */
export function reloadGate(
  services: Services,
  operator: OperatorContext | null,
): Promise<Result<ReloadBody, Refusal>> {
  return services.policyStore.exclusively(async () => {
    const loaded = load(services)
    if (!loaded.ok) return loaded
    const { snapshot, file, agents, issuers } = loaded.value
    const version = file?.data.policy_version ?? ''
    const recorded = await record(services, operator, {
      type: 'admin',
      event: 'admin_reload',
      text: `actions=${snapshot.actions.size} policy=${version}`,
      detail: {
        actions: snapshot.actions.size,
        version,
        digest: digestOf(file),
        ...identityRecord(agents, issuers),
      },
    })
    if (!recorded.ok) return recorded
    await recordLoaded(services, operator, file)
    try {
      services.policyStore.activate(file?.data ?? null)
    } catch (error) {
      if (!(error instanceof PolicyFault)) throw error
      await reloadFailed(services, operator, error)
      return failed('the engine cannot take policies/data.json')
    }
    services.catalogue.activate(snapshot)
    services.agentKeys.activate(agents)
    services.tokenIssuers.activate(issuers)
    services.log.info({ actions: snapshot.actions.size, policy: version }, 'reloaded')
    const reloaded_at = new Date(services.now()).toISOString()
    return {
      ok: true,
      value: { ok: true, actions: snapshot.actions.size, policy_version: version, reloaded_at },
    }
  })
}

/**
 * Records which policy data is loaded, unless that is what was recorded last in this process. Throws
 * a Fault when the record is not durable.
 */
export async function recordLoaded(
  services: Services,
  operator: OperatorContext | null,
  file: Pick<PolicyFile, 'data' | 'digest'> | null,
): Promise<void> {
  const { policyStore } = services
  const digest = digestOf(file)
  if (policyStore.recordedDigest === digest) return
  const version = file?.data.policy_version ?? ''
  await recordActWithoutProof(services, operator, {
    type: 'policy',
    event: 'policy_loaded',
    text: `policy=${version} digest=${digest}`,
    detail: { version, digest, digest_before: policyStore.recordedDigest },
  })
  policyStore.recordedDigest = digest
}

// Everything is built before anything is put into force.
function load(services: Services): Result<Loaded, Refusal> {
  try {
    const snapshot = services.catalogue.build()
    const file = services.policyStore.read(snapshot.actions)
    const { agents, identity } = services.rereadConfig()
    const issuers = services.tokenIssuers.build(identity.jwt)
    return { ok: true, value: { snapshot, file, agents, issuers } }
  } catch (error) {
    services.log.warn({ err: error }, 'the reload failed: nothing has changed')
    return failed(whyNot(error))
  }
}

function whyNot(error: unknown): string {
  if (error instanceof ManifestsRefused) return error.withoutPaths
  if (error instanceof PolicyFileError) return error.message
  if (error instanceof StartupError && error.code === 'config_validation_failed') {
    return "the key file of an issuer cannot be used: the gate's log says why"
  }
  if (error instanceof StartupError) {
    return "manifests, policy data or the configuration can be written by somebody else, or agents or issuers contradict each other: the gate's log says how to mend it"
  }
  if (error instanceof ConfigError) {
    return "the configuration cannot be used: the gate's log says what is wrong with it"
  }
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined) throw error
  return `a manifest cannot be read (${code})`
}

function failed(detail: string): Refused {
  const shown = sanitizeText(detail, 2000)
  return { ok: false, error: refuse('reload_failed', { body: { detail: shown }, detail: shown }) }
}

async function reloadFailed(
  services: Services,
  operator: OperatorContext | null,
  error: PolicyFault,
): Promise<void> {
  services.log.error({ err: error }, 'a recorded reload is not in force')
  const digest_in_force = services.policy.dataDigest
  const digest_refused = services.policyStore.recordedDigest
  await recordActWithoutProof(services, operator, {
    type: 'admin',
    event: 'admin_reload_failed',
    text: 'the engine cannot take the policy data',
    detail: { digest_in_force, digest_refused },
  })
  services.policyStore.recordedDigest = digest_in_force
}

function digestOf(file: Pick<PolicyFile, 'digest'> | null): string {
  return file?.digest ?? NOTHING
}

const NOTHING: string = policyDataDigest(validatePolicyData(NO_POLICY))

async function record(
  services: Services,
  operator: OperatorContext | null,
  act: OperatorAct,
): Promise<Result<void, Refusal>> {
  if (operator !== null) return recordAct(services, operator, act)
  await recordActWithoutProof(services, null, act)
  return { ok: true, value: undefined }
}
