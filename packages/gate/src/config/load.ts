import { existsSync, readFileSync } from 'node:fs'
import { homedir, hostname, tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { parse as parseToml } from 'smol-toml'
import { closestKey } from './closest-key.js'
import { CONFIG_SCHEMA, ENVIRONMENT_KEYS, type GateConfig, type LoadedConfig } from './schema.js'

/** The configuration cannot be used; `problems` name key, cause and remedy, one a line. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(source: string, problems: readonly string[]) {
    super(`failed to parse config: ${source}: ${problems.join('; ')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Everything outside the file that decides what is loaded. */
export interface ConfigEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
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
  const base = env['XDG_RUNTIME_DIR']
  if (base !== undefined && base !== '') return join(base, 'latchgate')
  return join(process.platform === 'win32' ? tmpdir() : '/tmp', `latchgate-${userInfo().uid}`)
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
    throw new ConfigError(at.label, (validate.errors ?? []).map(describe).filter(isText))
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
  return filled as unknown as GateConfig
}

function readToml(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(file, [`failed to read config file '${file}': ${String(error)}`])
  }
  try {
    return structuredClone(parseToml(text)) as Record<string, unknown>
  } catch (error) {
    throw new ConfigError(file, [error instanceof Error ? error.message : String(error)])
  }
}

function applyEnvironment(raw: Record<string, unknown>, env: ConfigEnvironment['env']): void {
  for (const [name, key] of Object.entries(ENVIRONMENT_KEYS)) {
    const value = env[name]
    if (value === undefined) continue
    if (value === '') delete raw[key]
    else raw[key] = environmentValue(name, key, value)
  }
  const apiKey = env['LATCHGATE_OPERATOR_API_KEY']
  if (apiKey === undefined || apiKey === '') return
  const jkt = env['LATCHGATE_OPERATOR_DPOP_JKT']
  const others = (raw['operator_credentials'] ?? {}) as Record<string, unknown>
  raw['operator_credentials'] = {
    ...others,
    platform: { api_key: apiKey, ...(jkt === undefined || jkt === '' ? {} : { dpop_jkt: jkt }) },
  }
}

function environmentValue(name: string, key: string, value: string): unknown {
  const wrong = (reason: string): ConfigError =>
    new ConfigError('environment', [
      `invalid value for environment variable ${name}="${value}": ${reason}`,
    ])
  if (key === 'unsafe_expose_http') {
    const lower = value.toLowerCase()
    if (lower === 'true' || lower === '1') return true
    if (lower === 'false' || lower === '0') return false
    throw wrong('expected true, false, 1 or 0')
  }
  if (key === 'lease_ttl_seconds') {
    if (!/^[0-9]{1,10}$/.test(value)) throw wrong('expected a whole number of seconds')
    return Number(value)
  }
  if (key === 'log_level' || key === 'log_format') return value.toLowerCase()
  return value
}

function describe(error: ErrorObject): string | undefined {
  const at = error.instancePath.slice(1).replaceAll('/', '.')
  const params = error.params as Record<string, unknown>
  if (error.keyword === 'additionalProperties') {
    const key = String(params['additionalProperty'])
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
    const near = closestKey(key, known)
    const name = at === '' ? key : `${at}.${key}`
    return `unknown key \`${name}\`${near === undefined ? '' : `; did you mean \`${near}\`?`}`
  }
  if (error.keyword === 'enum') {
    return `\`${at}\` must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`
  }
  if (error.keyword === 'required') {
    return `\`${at}\` needs the key \`${String(params['missingProperty'])}\``
  }
  if (error.keyword === 'propertyNames') return undefined
  if (error.propertyName !== undefined) {
    return `\`${at}.${error.propertyName}\`: the key ${error.message ?? 'is not valid'}`
  }
  return `\`${at}\` ${error.message ?? 'is not valid'}`
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}
