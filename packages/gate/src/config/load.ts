import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir, hostname, tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { socketDirectory } from '@latchgate/protocol/node'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse as parseToml, TomlError } from 'smol-toml'
import { ConfigError } from './config-error.js'
import { applyEnvironment } from './environment.js'
import { describeProblem } from './problem.js'
import { CONFIG_SCHEMA, type GateConfig, type LoadedConfig } from './schema.js'

/** Everything outside the file that decides what is loaded. */
export interface ConfigEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whose process this is; default this one's user. */
  readonly uid?: number
}

const PATH_KEYS = [
  'listen_uds_path',
  'listen_admin_uds_path',
  'manifests_dir',
  'ledger_db_path',
  'receipt_signing_key_path',
  'receipt_keys_jwks_path',
  'log_signing_key_path',
  'lease_signing_key_path',
  'grant_signing_key_path',
] as const

const validate = new Ajv2020({
  allErrors: true,
  useDefaults: true,
  strict: false,
  verbose: true,
}).compile(CONFIG_SCHEMA)

/** Runtime directory of the sockets: part of the contract with published SDKs (spec 3.1). */
export function runtimeDirectory(env: ConfigEnvironment['env']): string {
  return socketDirectory(env, userInfo().uid, process.platform === 'win32' ? tmpdir() : undefined)
}

/** Where the configuration file is, by spec/cli-and-config 3.4 with an upward search added. */
export function findConfigFile(
  explicit: string | undefined,
  at: ConfigEnvironment,
): { readonly file: string | null; readonly label: string } {
  const named = explicit ?? (at.env['LATCHGATE_CONFIG'] || undefined)
  if (named !== undefined) {
    const file = resolve(at.cwd, named)
    return { file, label: `explicit (${file})` }
  }
  for (let dir = resolve(at.cwd); ; dir = dirname(dir)) {
    const file = join(dir, '.latchgate', 'latchgate.toml')
    if (existsSync(file)) return { file, label: `project (${file})` }
    if (dirname(dir) === dir) break
  }
  const xdg = at.env['XDG_CONFIG_HOME']
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.config')
  const file = join(base, 'latchgate', 'latchgate.toml')
  if (existsSync(file)) return { file, label: `user-global (${file})` }
  return { file: null, label: 'defaults (no config file)' }
}

/**
 * Loads the configuration: environment over file over defaults. An unknown key, a wrong type or an
 * unparsable variable is a `ConfigError`; nothing is guessed.
 */
export function loadConfig(explicit: string | undefined, at: ConfigEnvironment): LoadedConfig {
  const { file, label } = findConfigFile(explicit, at)
  const root = file === null ? join(resolve(at.cwd), '.latchgate') : dirname(file)
  // What is found by searching upward may have been put there by somebody else (/tmp/.latchgate).
  if (label.startsWith('project')) assertOwnedBy(file ?? '', at.uid ?? process.getuid?.() ?? -1)
  const raw = file === null ? {} : readToml(file)
  applyEnvironment(raw, at.env)
  return { config: parseConfig(raw, { root, env: at.env, label }), file, source: label, root }
}

/** Validates a parsed document and fills defaults; relative paths belong to `root`. */
export function parseConfig(
  document: Record<string, unknown>,
  at: {
    readonly root: string
    readonly env: ConfigEnvironment['env']
    readonly label: string
  },
): GateConfig {
  const raw = structuredClone(document)
  if (!validate(raw)) {
    throw ConfigError.unusable(
      at.label,
      (validate.errors ?? []).map(describeProblem).filter(isText),
    )
  }
  const runtime = runtimeDirectory(at.env)
  const defaults: Record<string, string> = {
    gate_name: hostname().replace(/[^a-zA-Z0-9._-]/g, '-') || 'latchgate',
    listen_uds_path: join(runtime, 'gate.sock'),
    listen_admin_uds_path: join(runtime, 'gate-admin.sock'),
    manifests_dir: join(at.root, 'manifests'),
    ledger_db_path: join(at.root, 'data', 'audit.db'),
  }
  const filled: Record<string, unknown> = { ...defaults, ...raw }
  for (const key of PATH_KEYS) {
    const value = filled[key]
    if (typeof value === 'string') filled[key] = resolve(at.root, value)
  }
  const egress = filled['egress'] as { extra_ca_file?: string }
  if (egress.extra_ca_file !== undefined) {
    egress.extra_ca_file = resolve(at.root, egress.extra_ca_file)
  }
  const identity = filled['identity'] as { jwt: { jwks_file?: string }[] }
  for (const issuer of identity.jwt) {
    if (issuer.jwks_file !== undefined) issuer.jwks_file = resolve(at.root, issuer.jwks_file)
  }
  return filled as unknown as GateConfig
}

function assertOwnedBy(file: string, uid: number): void {
  const owner = statSync(file).uid
  if (owner === uid || owner === 0) return
  throw ConfigError.unreadable(
    file,
    `it belongs to uid ${owner}, and this is uid ${uid}; if you trust it, name it with --config`,
  )
}

function readToml(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw ConfigError.unreadable(file, isMissing ? 'there is no such file' : why)
  }
  try {
    return structuredClone(parseToml(text)) as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const what = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '')
    throw ConfigError.unusable(file, [`line ${error.line}, column ${error.column}: ${what}`])
  }
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}
