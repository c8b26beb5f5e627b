import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import {
  createLogger,
  type GateOptions,
  loadConfig,
  type RunningGate,
  startGate,
} from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { loopbackOnly } from '@latchgate/testkit'

/** An operator's credentials. */
export interface TestOperator {
  readonly apiKey: string
  readonly key: DPoPKeyPair
}

/** A project directory made for one test. */
export interface TestProject {
  readonly root: string
  readonly configFile: string
  readonly socket: string
  readonly adminSocket: string
  readonly ledger: string
  readonly operator: TestOperator
  /** Those of `ProjectSettings.operators`, by name. */
  readonly operators: Readonly<Record<string, TestOperator>>
  remove(): void
}

/** What a test wants different from a plain project. */
export interface ProjectSettings {
  /** Further TOML: top-level keys, placed before any table. */
  readonly keys?: string
  /** Further TOML tables. */
  readonly tables?: string
  /** `"host:port" = "ip:port"` pairs of `[egress.unsafe_resolve]`. */
  readonly resolve?: Readonly<Record<string, string>>
  readonly caPem?: string
  /** Principal of this uid. Default `agent-test`. */
  readonly principal?: string
  readonly scopes?: readonly string[]
  readonly owner?: string
  /** A project without any operator. */
  readonly operatorless?: boolean
  /** Operators beside `operator`, and the `owner` of their credential if they have one. */
  readonly operators?: readonly string[] | Readonly<Record<string, string | null>>
  readonly identity?: 'peercred' | 'none'
  /** policies/data.json; default: the principal may call everything. */
  readonly data?: unknown
  /** Directory of the sockets, `gate.sock` and `gate-admin.sock`; default one of the project's. */
  readonly socketDirectory?: string
  /** File name → YAML of further manifests. */
  readonly manifests?: Readonly<Record<string, string>>
}

/** Every sink there is: what a test grants unless it says otherwise. */
export const ALL_SINKS: readonly string[] = ['http_read', 'http_write', 'http_delete']

/** Actions of the catalogue. */
export const ALL_ACTIONS: readonly string[] = [
  'github_comment_issue',
  'github_create_issue',
  'github_read',
  'github_search',
  'http_bearer_get',
  'http_delete',
  'http_fetch',
  'http_patch',
  'http_post',
  'http_put',
  'http_sensitive_read',
  'slack_post',
  'webhook_notify',
  'wikipedia_read',
]

/** Makes a project: configuration, keys' places, policy data, manifests; short paths for sockets. */
export async function createTestProject(settings: ProjectSettings = {}): Promise<TestProject> {
  const root = mkdtempSync(join(tmpdir(), 'lg-'))
  chmodSync(root, 0o700)
  const principal = settings.principal ?? 'agent-test'
  const key = await DPoPKeyPair.generate()
  const apiKey = 'key-operator-0123456789abcdef0123456789abcdef'
  for (const name of ['policies', 'manifests', 'data', 'keys', 's']) {
    mkdirSync(join(root, name), { mode: 0o700 })
  }
  for (const [name, text] of Object.entries(settings.manifests ?? {})) {
    writeFileSync(join(root, 'manifests', name), text, { mode: 0o600 })
  }
  const data = settings.data ?? {
    policy_version: 'test-1',
    acl: { [principal]: { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } },
  }
  writeFileSync(join(root, 'policies', 'data.json'), JSON.stringify(data), { mode: 0o600 })
  if (settings.caPem !== undefined) {
    writeFileSync(join(root, 'ca.pem'), settings.caPem, { mode: 0o600 })
  }
  const configFile = join(root, 'latchgate.toml')
  const operators = await makeOperators(settings.operators ?? [])
  const text = configText(settings, { principal, apiKey, jkt: key.thumbprint, operators })
  writeFileSync(configFile, text, { mode: 0o600 })
  return {
    root,
    configFile,
    socket: join(settings.socketDirectory ?? join(root, 's'), 'gate.sock'),
    adminSocket: join(settings.socketDirectory ?? join(root, 's'), 'gate-admin.sock'),
    ledger: join(root, 'data', 'audit.db'),
    operator: { apiKey, key },
    operators,
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

async function makeOperators(
  given: NonNullable<ProjectSettings['operators']>,
): Promise<Readonly<Record<string, TestOperator & { readonly owner: string | null }>>> {
  const owners = Array.isArray(given)
    ? given.map((name: string) => [name, null] as const)
    : Object.entries(given as Readonly<Record<string, string | null>>)
  const made = owners.map(async ([name, owner]) => {
    const key = await DPoPKeyPair.generate()
    return [name, { apiKey: `key-${name}-0123456789abcdef0123456789abcdef`, key, owner }] as const
  })
  return Object.fromEntries(await Promise.all(made))
}

function configText(
  settings: ProjectSettings,
  made: {
    readonly principal: string
    readonly apiKey: string
    readonly jkt: string
    readonly operators: Awaited<ReturnType<typeof makeOperators>>
  },
): string {
  const identity = settings.identity ?? 'peercred'
  const scopes = settings.scopes === undefined ? '' : `scopes = ${JSON.stringify(settings.scopes)}`
  const owner = settings.owner === undefined ? '' : `owner = ${JSON.stringify(settings.owner)}`
  const resolve = Object.entries(settings.resolve ?? {})
  return [
    'gate_name = "latchgate-test"',
    'log_format = "json"',
    `listen_uds_path = "${settings.socketDirectory ?? 's'}/gate.sock"`,
    `listen_admin_uds_path = "${settings.socketDirectory ?? 's'}/gate-admin.sock"`,
    'receipt_signing_key_path = "keys/receipt.key"',
    'receipt_keys_jwks_path = "keys/receipt-keys.jwks"',
    'log_signing_key_path = "keys/log.key"',
    'lease_signing_key_path = "keys/lease.pem"',
    settings.keys ?? '',
    '[identity]',
    `provider = "${identity}"`,
    identity === 'none' ? '' : `[identity.peercred.principals.${userInfo().uid}]`,
    identity === 'none' ? '' : `principal = "${made.principal}"`,
    identity === 'none' ? '' : scopes,
    identity === 'none' ? '' : owner,
    ...(settings.operatorless === true
      ? []
      : [
          '[operator_credentials.operator]',
          `api_key = "${made.apiKey}"`,
          `dpop_jkt = "${made.jkt}"`,
        ]),
    ...Object.entries(made.operators).flatMap(([name, one]) => [
      `[operator_credentials.${name}]`,
      `api_key = "${one.apiKey}"`,
      `dpop_jkt = "${one.key.thumbprint}"`,
      one.owner === null ? '' : `owner = ${JSON.stringify(one.owner)}`,
    ]),
    '[egress]',
    settings.caPem === undefined ? '' : 'extra_ca_file = "ca.pem"',
    resolve.length === 0 ? '' : '[egress.unsafe_resolve]',
    ...resolve.map(([from, to]) => `"${from}" = "${to}"`),
    '[posture]',
    'identity_insecure = true',
    settings.operatorless === true ? 'operator_auth_insecure = true' : '',
    resolve.length === 0 ? '' : 'egress_insecure = true',
    settings.tables ?? '',
    '',
  ].join('\n')
}

/** A gate of a test project, in this process. */
export interface TestGate extends RunningGate {
  readonly project: TestProject
  /** Log lines so far, as parsed JSON. */
  readonly logs: readonly Record<string, unknown>[]
}

/** Starts a gate of a project in this process; its log is kept for the test to read. */
export async function startTestGate(
  project: TestProject,
  options: Partial<Omit<GateOptions, 'loaded' | 'log'>> = {},
): Promise<TestGate> {
  const logs: Record<string, unknown>[] = []
  const stream = {
    write: (line: string): boolean => {
      logs.push(JSON.parse(line) as Record<string, unknown>)
      return true
    },
  }
  const env = options.env ?? {}
  const loaded = loadConfig(project.configFile, { env: {}, cwd: project.root })
  const log = createLogger(loaded.config, stream as unknown as NodeJS.WritableStream)
  const gate = await startGate({ route: loopbackOnly, ...options, env, loaded, log })
  return { ...gate, project, logs }
}
