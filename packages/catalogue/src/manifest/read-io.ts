import type { JsonObject, ResourceLimits, Result } from '@latchgate/protocol'
import { compileSchema } from '../schema/compile-schema.js'
import { schemaFix } from '../schema/schema-rules.js'
import type { ManifestIo } from './manifest.js'
import { envelopeBytes, MAX_HOST_RESPONSE } from './read-limits.js'
import type { Section } from './section.js'

/** The transport refuses larger request bodies. */
const MAX_REQUEST = 1_048_576

/** A schema file that a manifest names; the error says why it cannot be had. */
export type ReadSchema = (path: string) => Result<JsonObject, string>

interface SchemaSource {
  readonly readSchema: ReadSchema
  readonly schemasTested: boolean
}

/**
 * Reads `io`. `max_response_bytes` defaults to what a body of the greatest allowed size can need, so
 * that a verbose upstream does not turn a completed write into a failure.
 */
export function readIo(top: Section, limits: ResourceLimits, source: SchemaSource): ManifestIo {
  const known = ['request_schema', 'response_schema', 'max_request_bytes', 'max_response_bytes']
  const io = top.section('io', { known })
  return {
    request_schema: readSchemaOf(io, 'request_schema', source),
    response_schema: readSchemaOf(io, 'response_schema', source),
    max_request_bytes: io.integer('max_request_bytes', {
      min: 2,
      max: MAX_REQUEST,
      fallback: 65_536,
    }),
    max_response_bytes: io.integer('max_response_bytes', {
      min: 2,
      max: envelopeBytes(MAX_HOST_RESPONSE),
      fallback: envelopeBytes(limits.max_host_response_bytes),
    }),
  }
}

function readSchemaOf(io: Section, key: string, source: SchemaSource): JsonObject | undefined {
  const value = io.raw(key)
  let schema: JsonObject | undefined
  if (typeof value === 'string') {
    const read = source.readSchema(value)
    if (read.ok) schema = read.value
    else
      io.report(key, read.error, 'write the schema inline, or name a JSON file beside the manifest')
  } else schema = io.object(key)
  if (schema === undefined) return undefined
  const compiled = compileSchema(schema, source.schemasTested)
  if (!compiled.ok) {
    io.report(key, `not a usable schema: ${compiled.error.problem}`, schemaFix(compiled.error))
  }
  return schema
}
