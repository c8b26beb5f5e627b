import { escapePointer, type Json, type JsonObject } from '@latchgate/protocol'
import type { ErrorObject } from 'ajv/dist/2020.js'
import { didYouMean } from '../closest-name.js'
import type { SchemaFault } from './schema-fault.js'

/** Faults that one answer holds. */
export const MAX_FAULTS = 5

// Members are the caller's: a name of a megabyte is not repeated to him.
const MAX_NAME = 100

/** Keywords that only say that another fault, which is also reported, happened below them. */
const ECHOES: readonly string[] = ['if', 'propertyNames']

/** Turns the compiler's errors into faults that name the member and say what it must be. */
export function schemaFaults(
  schema: JsonObject,
  errors: readonly ErrorObject[],
  limit: number,
): readonly SchemaFault[] {
  const telling = errors.filter((error) => !ECHOES.includes(error.keyword))
  const faults: SchemaFault[] = []
  for (const error of telling.length > 0 ? telling : errors) {
    const fault = faultOf(schema, error)
    const known = faults.some((one) => one.path === fault.path && one.message === fault.message)
    if (!known) faults.push(fault)
    if (faults.length === limit) break
  }
  return faults
}

function faultOf(schema: JsonObject, error: ErrorObject): SchemaFault {
  const params = error.params as JsonObject
  const path = error.instancePath
  switch (error.keyword) {
    case 'required':
      return { path: below(path, params['missingProperty']), message: 'is required' }
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownMember(schema, path, params)
    case 'type':
      return { path, message: `must be ${textOf(params['type'], ' or ')}` }
    case 'enum':
      return { path, message: `must be one of ${textOf(params['allowedValues'], ', ')}` }
    case 'const':
      return { path, message: `must be ${JSON.stringify(params['allowedValue'])}` }
    case 'format':
      return { path, message: formatMessage(params['format']) }
    default:
      return { path, message: error.message ?? `breaks '${error.keyword}'` }
  }
}

function unknownMember(schema: JsonObject, path: string, params: JsonObject): SchemaFault {
  const name = params['additionalProperty'] ?? params['unevaluatedProperty']
  const known = path === '' ? Object.keys(objectAt(schema, 'properties')) : []
  const hint = typeof name === 'string' ? didYouMean(name, known) : ''
  return { path: below(path, name), message: `is not a known parameter${hint}` }
}

function below(path: string, member: Json | undefined): string {
  const name = String(member)
  const shown = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME).toWellFormed()}…` : name
  return `${path}/${escapePointer(shown)}`
}

function textOf(value: Json | undefined, separator: string): string {
  if (!Array.isArray(value)) return String(value)
  return (value as readonly Json[])
    .map((one) => (separator === ', ' ? JSON.stringify(one) : String(one)))
    .join(separator)
}

function formatMessage(format: Json | undefined): string {
  return format === 'uri' ? 'must be an absolute URL' : `must have the format '${String(format)}'`
}

function objectAt(schema: JsonObject, member: string): JsonObject {
  const value = schema[member]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return value as JsonObject
}
