import type { Json, JsonObject } from '@latchgate/protocol'

/** A parameter as the request schema declares it at its top level. */
export interface Parameter {
  readonly required: boolean
  /** Undefined without a default. */
  readonly fallback: Json | undefined
  /** Declared JSON types; empty when the schema does not say. */
  readonly types: readonly string[]
}

/** The parameters of a request schema. */
export function requestParameters(schema: JsonObject | undefined): ReadonlyMap<string, Parameter> {
  const parameters = new Map<string, Parameter>()
  if (schema === undefined) return parameters
  const required = requiredNames(schema)
  for (const [name, declared] of Object.entries(objectOf(schema['properties']))) {
    const property = objectOf(declared)
    parameters.set(name, {
      required: required.includes(name),
      fallback: property['default'],
      types: listOf(property['type']).map(String),
    })
  }
  return parameters
}

/** The parameters that a request schema requires at its top level, declared or not. */
export function requiredNames(schema: JsonObject | undefined): readonly string[] {
  return listOf(schema?.['required']).map(String)
}

function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as readonly Json[]) : [value as Json]
}

function objectOf(value: Json | undefined): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return value as JsonObject
}
