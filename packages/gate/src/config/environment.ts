import { closestName, editDistance } from '@latchgate/catalogue'
import { ConfigError } from './config-error.js'
import { ENVIRONMENT_KEYS } from './schema.js'

type Environment = Readonly<Record<string, string | undefined>>

/** Further variables that are read by name, so that a misspelt one can be told. */
const OTHER_VARIABLES = [
  'LATCHGATE_CONFIG',
  'LATCHGATE_URL',
  'LATCHGATE_OPERATOR_API_KEY',
  'LATCHGATE_OPERATOR_DPOP_JKT',
  'LATCHGATE_OPERATOR',
  'LATCHGATE_OPERATOR_KEY',
  'LATCHGATE_OPERATOR_PRIVATE_KEY',
]

/**
 * Puts the overrides of the environment into a parsed file (spec/cli-and-config 4.4). An empty
 * variable unsets the key; one that cannot be parsed, or that is nearly one of ours, is an error.
 */
export function applyEnvironment(raw: Record<string, unknown>, env: Environment): void {
  refuseMisspelt(env)
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

// Not every unknown LATCHGATE_ name is an error: orchestrators make such names from service names,
// and secrets have them. One that differs by two letters from a known one is a slip.
function refuseMisspelt(env: Environment): void {
  const known = [...Object.keys(ENVIRONMENT_KEYS), ...OTHER_VARIABLES]
  const names = Object.keys(env).filter(
    (name) => name.startsWith('LATCHGATE_') && !known.includes(name),
  )
  const problems = names.flatMap((name) => {
    const near = closestName(name, known)
    if (near === undefined || editDistance(name, near) > 2) return []
    return [`unknown environment variable ${name}; did you mean ${near}?`]
  })
  if (problems.length > 0) throw ConfigError.unusable('environment', problems)
}

function environmentValue(name: string, key: string, value: string): unknown {
  const wrong = (reason: string): ConfigError =>
    ConfigError.unusable('environment', [
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
