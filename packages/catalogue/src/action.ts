import {
  err,
  escapePointer,
  type Json,
  type JsonObject,
  jsonDepth,
  largestArray,
  ok,
  type Result,
} from '@latchgate/protocol'
import type { Manifest } from './manifest/manifest.js'
import { type LeaveOutNulls, leavesOutNulls } from './schema/absent-nulls.js'
import { compileSchema, type SchemaCheck } from './schema/compile-schema.js'
import type { SchemaFault } from './schema/schema-fault.js'
import { hasDefaults, type SchemaDefect } from './schema/schema-rules.js'

/** Deepest nesting of parameters and results: a scalar is 0, `{}` is 1 (actions spec 2.6). */
export const MAX_JSON_DEPTH = 10

/** Longest array anywhere in them. */
export const MAX_ARRAY_ITEMS = 100

/** What of a request counts, once it has passed its schema. */
export interface CheckedRequest {
  /** What was sent, without the nulls that can only mean "not given". */
  readonly params: JsonObject
  /** The parameters with the schema's defaults. */
  readonly arguments: JsonObject
}

/** A manifest with its schemas compiled. */
export interface Action {
  readonly manifest: Manifest
  /**
   * Checks parameters: limits first, then the request schema. The value given is not changed.
   */
  validateRequest(params: Json): Result<CheckedRequest, readonly SchemaFault[]>
  /** Checks a provider's document: limits, the envelope `{"ok": boolean, …}`, the response schema. */
  validateResponse(output: Json): Result<void, readonly SchemaFault[]>
}

/** Compiles an action; the error names the schema at fault and says what is wrong with it. */
export function compileAction(
  manifest: Manifest,
): Result<Action, SchemaDefect & { readonly key: string }> {
  const { request_schema, response_schema } = manifest.io
  const request = compileOptional(request_schema)
  if (!request.ok) return err({ key: 'io.request_schema', ...request.error })
  const response = compileOptional(response_schema)
  if (!response.ok) return err({ key: 'io.response_schema', ...response.error })
  const rules: RequestRules = {
    check: request.value,
    leaveOutNulls: request_schema === undefined ? null : leavesOutNulls(request_schema),
    fillsDefaults: request_schema !== undefined && hasDefaults(request_schema),
  }
  const fillsResponse = response_schema !== undefined && hasDefaults(response_schema)
  return ok({
    manifest,
    validateRequest: (params) => checkRequest(manifest, rules, params),
    validateResponse: (output) => checkResponse(response.value, fillsResponse, output),
  })
}

function compileOptional(schema: JsonObject | undefined): Result<SchemaCheck | null, SchemaDefect> {
  return schema === undefined ? ok(null) : compileSchema(schema)
}

interface RequestRules {
  readonly check: SchemaCheck | null
  readonly leaveOutNulls: LeaveOutNulls | null
  readonly fillsDefaults: boolean
}

function checkRequest(
  manifest: Manifest,
  { check, leaveOutNulls, fillsDefaults }: RequestRules,
  sent: Json,
): Result<CheckedRequest, readonly SchemaFault[]> {
  if (!isObject(sent)) return err([{ path: '', message: 'must be an object' }])
  const limit = manifest.io.max_request_bytes
  const text = JSON.stringify(sent)
  const broken = sizeFault(text, limit) ?? shapeFault(sent)
  if (broken !== null) return err([broken])
  const params = leaveOutNulls === null ? sent : leaveOutNulls(sent)
  // A copy, since the checker writes defaults into what it checks.
  const args = fillsDefaults ? copyOf(params, params === sent ? text : null) : params
  const faults = check === null ? [] : check(args)
  return faults.length > 0 ? err(faults) : ok({ params, arguments: args })
}

function copyOf(params: JsonObject, text: string | null): JsonObject {
  return JSON.parse(text ?? JSON.stringify(params)) as JsonObject
}

// The size in bytes is the provider's to exceed and the sandbox's to cap; here is the shape.
function checkResponse(
  check: SchemaCheck | null,
  fillsDefaults: boolean,
  output: Json,
): Result<void, readonly SchemaFault[]> {
  if (!isObject(output)) return err([{ path: '', message: 'response must be a JSON object' }])
  if (!Object.hasOwn(output, 'ok')) {
    return err([{ path: '/ok', message: "response must contain an 'ok' field" }])
  }
  if (typeof output['ok'] !== 'boolean') {
    return err([{ path: '/ok', message: "response 'ok' field must be a boolean" }])
  }
  const broken = shapeFault(output)
  if (broken !== null) return err([broken])
  // A result is evidence: no default may be written into it.
  const checked = fillsDefaults ? structuredClone(output) : output
  const faults = check === null ? [] : check(checked)
  return faults.length > 0 ? err(faults) : ok(undefined)
}

function sizeFault(text: string, limit: number): SchemaFault | null {
  // No code unit takes more than three bytes of UTF-8, so most texts need not be encoded to know.
  if (text.length * 3 <= limit) return null
  const bytes = text.length > limit ? text.length : new TextEncoder().encode(text).length
  if (bytes <= limit) return null
  return { path: '', message: `exceeds the size limit of ${limit} bytes` }
}

function shapeFault(value: JsonObject): SchemaFault | null {
  const depth = jsonDepth(value)
  if (depth > MAX_JSON_DEPTH) {
    return { path: '', message: `is nested ${depth} levels deep (at most ${MAX_JSON_DEPTH})` }
  }
  if (largestArray(value) <= MAX_ARRAY_ITEMS) return null
  const message = `holds an array of more than ${MAX_ARRAY_ITEMS} items`
  return { path: longestArrayPath(value), message }
}

function longestArrayPath(value: Json): string {
  if (typeof value !== 'object' || value === null) return ''
  if (Array.isArray(value) && value.length > MAX_ARRAY_ITEMS) return ''
  for (const [name, member] of Object.entries(value as JsonObject)) {
    if (largestArray(member) > MAX_ARRAY_ITEMS) {
      return `/${escapePointer(name)}${longestArrayPath(member)}`
    }
  }
  return ''
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
