import {
  assertApart,
  type LoadedConfig,
  type ProcessFacts,
  postureProblems,
  relaxedFlags,
  startEgress,
} from '@latchgate/gate'
import { type Check, Section } from './check.js'

/** What the configuration says, by the rules that a start applies to it. */
export async function checkConfiguration(
  loaded: LoadedConfig,
  facts: ProcessFacts,
): Promise<readonly Check[]> {
  const { config } = loaded
  const section = new Section('configuration')
  const change = `change it in ${loaded.file ?? 'the configuration'}`
  section.ok('loads', loaded.source)
  const problems = postureProblems(config, { ...facts, addressSpaceLimit: null })
  const about = (words: RegExp): readonly string[] => problems.filter((one) => words.test(one))
  const seen = new Set<string>()
  for (const [check, words, passed] of RULES) {
    const found = about(words).filter((one) => !seen.has(one))
    for (const problem of found) {
      seen.add(problem)
      section.problem(check, problem, change)
    }
    if (found.length === 0) section.ok(check, passed(loaded))
  }
  for (const problem of problems)
    if (!seen.has(problem)) section.problem('posture', problem, change)
  section.attempt(
    'sockets_apart',
    change,
    () => assertApart(config),
    () => null,
  )
  await checkEgress(section, loaded, change)
  const relaxed = relaxedFlags(config)
  for (const flag of relaxed) {
    section.warn(
      'posture',
      `${flag} is set: the gate promises less, and every record says dev_mode`,
      `remove \`posture.${flag}\` once it starts without`,
    )
  }
  if (relaxed.length === 0) section.ok('posture', 'production: no flag relaxes it')
  return section.checks
}

type Rule = readonly [check: string, words: RegExp, passed: (loaded: LoadedConfig) => string]

const RULES: readonly Rule[] = [
  ['public_base_url', /`public_base_url`/, ({ config }) => config.public_base_url],
  ['listeners', /`listen_/, ({ config }) => listeners(config)],
  [
    'operator_credentials',
    /operator_credentials/,
    ({ config }) => bound(Object.values(config.operator_credentials)),
  ],
  [
    'identity',
    /`identity\./,
    ({ config }) =>
      config.identity.provider === 'none'
        ? 'none: every caller is dev:anonymous'
        : `peercred, ${Object.keys(config.identity.peercred.principals).length} mapped uid(s)${issuers(config)}`,
  ],
  ['signing_keys', /_signing_key_path|receipt_keys_jwks_path/, ({ config }) => kept(config)],
  [
    'unsafe_resolve',
    /egress\.unsafe_resolve/,
    ({ config }) => {
      const count = Object.keys(config.egress.unsafe_resolve).length
      return count === 0 ? 'no host is led elsewhere' : `${count} host(s), see below`
    },
  ],
]

function issuers({ identity }: LoadedConfig['config']): string {
  return identity.jwt.length === 0 ? '' : `, ${identity.jwt.length} issuer(s) of tokens`
}

function listeners(config: LoadedConfig['config']): string {
  const tcp = [config.listen_http_addr, config.listen_admin_http_addr].filter(
    (address) => address !== undefined,
  )
  return tcp.length === 0 ? 'Unix sockets only' : `Unix sockets and TCP ${tcp.join(', ')}`
}

function kept(config: LoadedConfig['config']): string {
  const paths = [
    config.receipt_signing_key_path,
    config.receipt_keys_jwks_path,
    config.log_signing_key_path,
    config.lease_signing_key_path,
  ].filter((path) => path !== undefined)
  return `${paths.length} of 4 kept in files`
}

function bound(credentials: readonly { readonly dpop_jkt?: string }[]): string {
  const withKey = credentials.filter((one) => one.dpop_jkt !== undefined).length
  return `${withKey} of ${credentials.length} bound to a key`
}

async function checkEgress(section: Section, loaded: LoadedConfig, change: string): Promise<void> {
  const { egress } = loaded.config
  try {
    await startEgress(loaded.config).close()
    section.ok(
      'trust_roots',
      egress.extra_ca_file === undefined ? "Node's own" : `Node's own and ${egress.extra_ca_file}`,
    )
  } catch (error) {
    section.failed('trust_roots', error, change)
  }
  for (const [from, to] of Object.entries(egress.unsafe_resolve)) {
    section.warn(
      'unsafe_resolve',
      `${from} is led to ${to}, past the rules for addresses and ports`,
      `remove \`egress.unsafe_resolve."${from}"\` where this is no test`,
    )
  }
}
