import type { Tool } from '@modelcontextprotocol/sdk/types.js'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

const compiled = new WeakMap<object, ValidateFunction | null>()

/**
 * What is wrong with the arguments of a tool, or null. A schema that cannot be compiled here checks
 * nothing: the gate checks every call again, and by its own copy.
 */
export function argumentFault(
  schema: Tool['inputSchema'],
  args: Readonly<Record<string, unknown>>,
): string | null {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = compile(schema)
    compiled.set(schema, validate)
  }
  if (validate === null || validate(args)) return null
  const faults = (validate.errors ?? []).slice(0, 5).map(({ instancePath, message, params }) => {
    const where = instancePath === '' ? 'arguments' : `arguments${instancePath}`
    const extra = (params as { readonly additionalProperty?: unknown }).additionalProperty
    const named = typeof extra === 'string' ? ` ('${extra.slice(0, 64)}')` : ''
    return `${where} ${message ?? 'is not valid'}${named}`
  })
  return faults.join('; ')
}

function compile(schema: Tool['inputSchema']): ValidateFunction | null {
  // An instance for each schema: two with the same $id must not meet. Formats are the gate's matter.
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    validateFormats: false,
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
