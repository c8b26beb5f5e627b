import type { Tool } from '@modelcontextprotocol/sdk/types.js'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

type Members = Readonly<Record<string, unknown>>

const MAX_FAULTS = 5
const MAX_NAMED = 40

const compiled = new WeakMap<object, ValidateFunction | null>()

/**
 * What is wrong with the arguments of a tool, and what it takes; null when nothing is. A schema that
 * cannot be compiled here checks nothing: the gate checks every call again, and by its own copy. So it
 * does with a null for a parameter that can be left out, which many agents send: not refused here.
 */
export function argumentFault(schema: Tool['inputSchema'], args: Members): string | null {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = compile(schema)
    compiled.set(schema, validate)
  }
  if (validate === null || validate(withoutOptionalNulls(schema, args))) return null
  const faults = (validate.errors ?? []).slice(0, MAX_FAULTS).map((one) => {
    const { instancePath, keyword, message, params, parentSchema } = one
    const where = instancePath === '' ? 'arguments' : `arguments${instancePath}`
    const extra = (params as { readonly additionalProperty?: unknown }).additionalProperty
    const allowed = (params as { readonly allowedValues?: unknown }).allowedValues
    const named = typeof extra === 'string' ? ` ('${extra.slice(0, 64)}')` : ''
    const values = Array.isArray(allowed) ? `: ${JSON.stringify(allowed).slice(0, 256)}` : ''
    const described = (parentSchema as { readonly description?: unknown }).description
    // A regular expression tells a model less than the words that stand beside it.
    if (keyword === 'pattern' && typeof described === 'string') {
      return `${where} is not what it has to be (${described})`
    }
    return `${where} ${message ?? 'is not valid'}${named}${values}`
  })
  return `${faults.join('; ')}. It takes ${parametersOf(schema)}.`
}

function compile(schema: Tool['inputSchema']): ValidateFunction | null {
  // An instance for each schema: two with the same $id must not meet. Formats are the gate's matter.
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    validateFormats: false,
    verbose: true,
    logger: false,
  })
  const { $schema: _dialect, ...rest } = schema as Record<string, unknown>
  try {
    return ajv.compile(rest)
  } catch {
    // Not a schema of this dialect. The gate, which has accepted it, decides alone.
    return null
  }
}

function withoutOptionalNulls(schema: Members, args: Members): Members {
  const { required, properties } = schema
  const needed: readonly unknown[] = Array.isArray(required) ? required : []
  const entries = Object.entries(args).filter(
    ([name, one]) => one !== null || needed.includes(name),
  )
  return Object.fromEntries(
    entries.map(([name, one]) => {
      const inner = isMembers(properties) && Object.hasOwn(properties, name) && properties[name]
      return [name, isMembers(inner) && isMembers(one) ? withoutOptionalNulls(inner, one) : one]
    }),
  )
}

function parametersOf({ properties, required }: Tool['inputSchema']): string {
  const names = Object.keys(properties ?? {})
  if (names.length === 0) return 'no arguments'
  const shown = names.slice(0, MAX_NAMED).map((name) => {
    return required?.includes(name) === true ? `${name} (required)` : name
  })
  return [...shown, ...(names.length > MAX_NAMED ? ['…'] : [])].join(', ')
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
