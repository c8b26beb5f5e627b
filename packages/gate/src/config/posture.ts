import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { jwtIssuerProblems } from './jwt-issuers.js'
import { isLoopback } from './loopback.js'
import { agentProblems } from './registered-agents.js'
import type { GateConfig } from './schema.js'

/** A refusal to start: one code, a message that names the key to change (spec/cli-and-config 10.2). */
export class StartupError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = 'StartupError'
    this.code = code
  }
}

/** What the validators need to know of the process. */
export interface ProcessFacts {
  readonly uid: number
  /** Soft limit of the address space in bytes, or null without a limit. */
  readonly addressSpaceLimit: number | null
}

/**
 * The rules of spec/cli-and-config 5.2 and their additions: every combination that weakens a
 * promise needs the posture flag that names it. Returns what is wrong, empty when nothing is.
 */
export function postureProblems(config: GateConfig, facts: ProcessFacts): readonly string[] {
  return [
    ...transportProblems(config),
    ...operatorProblems(config),
    ...identityProblems(config, facts),
    ...agentProblems(config),
    ...jwtIssuerProblems(config),
    ...signingProblems(config),
    ...egressProblems(config),
    ...processProblems(facts),
  ]
}

/** Refuses to start when `postureProblems` finds anything. */
export function assertPosture(config: GateConfig, facts: ProcessFacts): void {
  const problems = postureProblems(config, facts)
  if (problems.length === 0) return
  throw new StartupError('production_security_validation_failed', problems.join('; '))
}

/** True when any flag relaxes the posture; recorded in every decision as `dev_mode`. */
export function isRelaxed(config: GateConfig): boolean {
  return relaxedFlags(config).length > 0
}

/** The posture flags that are set, by name. */
export function relaxedFlags(config: GateConfig): readonly string[] {
  return Object.entries(config.posture).flatMap(([name, set]) => (set ? [name] : []))
}

/** Principals that share the gate's uid: such an agent could read the gate's files (design 8). */
export function unseparatedPrincipals(config: GateConfig, uid: number): readonly string[] {
  if (config.identity.provider === 'none') return ['dev:anonymous']
  const mapped = config.identity.peercred.principals[String(uid)]
  return mapped === undefined ? [] : [mapped.principal]
}

/** Facts of this process. */
export function processFacts(): ProcessFacts {
  return { uid: process.getuid?.() ?? -1, addressSpaceLimit: addressSpaceLimit() }
}

/** Splits `ip:port`; undefined when it is not one. Port 0 lets the system choose. */
export function parseListenAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || isIP(host) === 0 || port > 65_535) return undefined
  return { host, port }
}

function transportProblems(config: GateConfig): readonly string[] {
  const problems: string[] = []
  for (const key of ['listen_http_addr', 'listen_admin_http_addr'] as const) {
    const address = config[key]
    if (address === undefined) continue
    const parsed = parseListenAddress(address)
    if (parsed === undefined) {
      problems.push(`\`${key}\` must be ip:port, got '${address}'`)
      continue
    }
    if (!config.unsafe_expose_http) {
      problems.push(
        `\`${key}\` opens a plain TCP port: set \`unsafe_expose_http = true\` or drop it`,
      )
    }
    if (!isLoopback(parsed.host) && !config.posture.transport_insecure) {
      problems.push(
        `\`${key}\` listens beyond this machine without TLS: use a loopback address or set ` +
          '`[posture] transport_insecure = true`',
      )
    }
  }
  if (!isHttpBase(config.public_base_url)) {
    problems.push(`\`public_base_url\` must be an http(s) URL, got '${config.public_base_url}'`)
  }
  return problems
}

function operatorProblems(config: GateConfig): readonly string[] {
  if (config.posture.operator_auth_insecure) return []
  const entries = Object.entries(config.operator_credentials)
  if (entries.length === 0) {
    return [
      'no `[operator_credentials.<name>]`: add one (api_key, dpop_jkt) or set ' +
        '`[posture] operator_auth_insecure = true`',
    ]
  }
  const problems = entries
    .filter(([, credential]) => credential.dpop_jkt === undefined)
    .map(([name]) => `\`operator_credentials.${name}.dpop_jkt\` is missing: bind the key`)
  const keys = entries.map(([, credential]) => credential.api_key)
  // Two operators with one key cannot be told apart in the evidence.
  if (new Set(keys).size !== keys.length) {
    problems.push('two `operator_credentials` share an `api_key`: give each its own')
  }
  const thumbprints = entries.flatMap(([, { dpop_jkt }]) => dpop_jkt ?? [])
  // One key is one person: under two names he would be two.
  if (new Set(thumbprints).size !== thumbprints.length) {
    problems.push('two `operator_credentials` share a `dpop_jkt`: give each operator its own key')
  }
  return problems
}

function identityProblems(config: GateConfig, facts: ProcessFacts): readonly string[] {
  if (config.posture.identity_insecure) return []
  const { provider, peercred } = config.identity
  const relax = 'or set `[posture] identity_insecure = true`'
  if (provider === 'none') {
    return [`\`identity.provider = "none"\` authenticates nobody: use "peercred" ${relax}`]
  }
  const problems: string[] = []
  if (peercred.allow_unmapped) {
    problems.push(`\`identity.peercred.allow_unmapped = true\` admits any uid: map them ${relax}`)
  }
  // An agent with a key or a token needs no uid.
  const others = Object.keys(config.agents).length + config.identity.jwt.length
  if (Object.keys(peercred.principals).length + others === 0) {
    problems.push(`\`identity.peercred.principals\` is empty: map the agents' uids ${relax}`)
  }
  for (const principal of unseparatedPrincipals(config, facts.uid)) {
    problems.push(
      `\`identity.peercred.principals.${facts.uid}\`: principal '${principal}' is not separated ` +
        `from the gate, it runs as the same uid and could read the gate's keys: run the gate as ` +
        `another user ${relax}`,
    )
  }
  return problems
}

function signingProblems(config: GateConfig): readonly string[] {
  if (config.posture.signing_insecure) return []
  const keys = [
    'receipt_signing_key_path',
    'receipt_keys_jwks_path',
    'log_signing_key_path',
    'lease_signing_key_path',
  ] as const
  return keys
    .filter((key) => config[key] === undefined)
    .map(
      (key) =>
        `\`${key}\` is missing: name a file (it is created) or set ` +
        '`[posture] signing_insecure = true` for keys that die with the process',
    )
}

function egressProblems(config: GateConfig): readonly string[] {
  const targets = Object.entries(config.egress.unsafe_resolve)
  const problems = targets
    .filter(([from, to]) => !isHostPort(from) || parseListenAddress(to) === undefined)
    .map(([from, to]) => `\`egress.unsafe_resolve\` "${from}" = "${to}": use host:port = ip:port`)
  if (targets.length > 0 && !config.posture.egress_insecure) {
    problems.push(
      '`[egress.unsafe_resolve]` reaches addresses that the gate would refuse: drop it or set ' +
        '`[posture] egress_insecure = true`',
    )
  }
  return problems
}

function processProblems(facts: ProcessFacts): readonly string[] {
  if (facts.addressSpaceLimit === null) return []
  // Each WebAssembly memory reserves about 10 GiB of address space.
  return ['RLIMIT_AS is finite: run the gate with `ulimit -v unlimited`']
}

function isHttpBase(url: string): boolean {
  if (!URL.canParse(url)) return false
  const parsed = new URL(url)
  const plain = parsed.search === '' && parsed.hash === '' && parsed.username === ''
  return plain && (parsed.protocol === 'http:' || parsed.protocol === 'https:')
}

function isHostPort(text: string): boolean {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):[0-9]{1,5}$/.test(text)
}

function addressSpaceLimit(): number | null {
  if (process.platform !== 'linux') return null
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find((row) => row.startsWith('Max address space'))
  const soft = line?.slice('Max address space'.length).trim().split(/\s+/)[0]
  return soft === undefined || soft === 'unlimited' ? null : Number(soft)
}
