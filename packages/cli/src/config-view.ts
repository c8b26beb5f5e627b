import { CONFIG_SCHEMA } from '@latchgate/gate'

/** A value of the configuration. */
export type ConfigValue =
  | string
  | number
  | boolean
  | readonly ConfigValue[]
  | { readonly [key: string]: ConfigValue }

/** Keys whose text is a secret, whatever table they are in. */
const SECRET_KEY = /^(?:.*_)?(?:api_key|secret|password|passphrase|token)$/

/** A copy with every secret replaced by `[set]`, also the password inside a URL. */
export function withoutSecrets(value: unknown, key = ''): ConfigValue {
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, key))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, withoutSecrets(one, name)]),
    )
  }
  if (typeof value === 'number' || typeof value === 'boolean') return value
  const text = String(value)
  return SECRET_KEY.test(key) ? '[set]' : text.replace(/(:\/\/[^/?#@]*):[^/?#]*@/, '$1:[set]@')
}

/** The parts of a dotted key, `a."b.c".d`; null when it is none. */
export function parseKey(key: string): readonly string[] | null {
  const parts: string[] = []
  let rest = key
  for (;;) {
    const [whole, quoted, bare] = /^(?:"([^"]*)"|([^".\s]+))/.exec(rest) ?? []
    const part = quoted ?? bare
    if (whole === undefined || part === undefined) return null
    parts.push(part)
    rest = rest.slice(whole.length)
    if (rest === '') return parts
    if (!rest.startsWith('.')) return null
    rest = rest.slice(1)
  }
}

/** The value at a key; undefined when there is none. */
export function lookUp(config: ConfigValue, parts: readonly string[]): ConfigValue | undefined {
  let value: ConfigValue | undefined = config
  for (const part of parts) {
    if (typeof value !== 'object' || Array.isArray(value)) return undefined
    value = Object.hasOwn(value, part)
      ? (value as Readonly<Record<string, ConfigValue>>)[part]
      : undefined
  }
  return value
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

/**
 * What could have been meant where a key leads nowhere: the keys of the deepest table on its way,
 * with their full names, and the part that is not there. `isKnown`: the key exists and has no value.
 */
export function knownKeys(
  config: ConfigValue,
  parts: readonly string[],
): { readonly keys: readonly string[]; readonly isKnown: boolean; readonly missing: string } {
  let schema: Schema | undefined = CONFIG_SCHEMA
  let depth = 0
  for (; depth < parts.length; depth += 1) {
    const next = lookUp(config, parts.slice(0, depth + 1))
    if (typeof next !== 'object' || Array.isArray(next)) break
    schema = schema?.properties?.[parts[depth] ?? '']
  }
  const table = lookUp(config, parts.slice(0, depth))
  const present = typeof table === 'object' && !Array.isArray(table) ? Object.keys(table) : []
  const possible = Object.keys(schema?.properties ?? {})
  const missing = parts[depth] ?? ''
  const prefix = parts.slice(0, depth).map(written)
  return {
    keys: [...new Set([...possible, ...present])]
      .sort()
      .map((name) => [...prefix, written(name)].join('.')),
    isKnown: depth === parts.length - 1 && possible.includes(missing),
    missing,
  }
}

function written(part: string): string {
  return /^[A-Za-z0-9_-]+$/.test(part) ? part : `"${part}"`
}
