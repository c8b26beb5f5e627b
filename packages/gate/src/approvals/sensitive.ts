import type { Manifest } from '@latchgate/catalogue'
import { escapePointer, type Json, type JsonObject } from '@latchgate/protocol'

/** What stands in place of a sensitive value. */
export const HIDDEN = '[hidden]'

/**
 * JSON pointers of the members of `value` that its schema marks `x-sensitive`. Looks where a schema
 * describes members by name, in items, and in every alternative; a mark anywhere counts.
 */
export function sensitiveMembers(schema: Json | undefined, value: Json): readonly string[] {
  const search: Search = { root: schema, found: new Set(), visited: new Map() }
  collect(search, schema, value, '', 0)
  return [...search.found].sort()
}

/** Whether the URL of an action's request can have a member in it that its schema marks. */
export function mayShowSensitive({ template, io }: Manifest): boolean {
  if (!JSON.stringify(io.request_schema ?? null).includes('"x-sensitive":true')) return false
  const { url_template = '{{', query = {}, query_params = null } = template ?? {}
  return (
    query_params !== null ||
    [url_template, ...Object.values(query)].some((one) => one.includes('{{'))
  )
}

/** The value with everything below the pointers replaced. */
export function withoutSensitive(value: Json, pointers: readonly string[], at = ''): Json {
  if (pointers.includes(at)) return HIDDEN
  if (Array.isArray(value)) {
    return value.map((one: Json, index) => withoutSensitive(one, pointers, `${at}/${index}`))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]: [string, Json]) => [
      name,
      withoutSensitive(member, pointers, `${at}/${escapePointer(name)}`),
    ]),
  )
}

/** Schemas inside schemas that are followed; references may be circular. */
const MAX_DEPTH = 64

interface Search {
  readonly root: Json | undefined
  readonly found: Set<string>
  /** Schemas, and the pointers they were looked at for. */
  readonly visited: Map<JsonObject, Set<string>>
}

function collect(
  search: Search,
  schema: Json | undefined,
  value: Json,
  at: string,
  depth: number,
): void {
  const { root, found } = search
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return
  // Deeper than anybody writes a schema: what cannot be looked through is not shown.
  if (depth > MAX_DEPTH) {
    found.add(at)
    return
  }
  const object = schema as JsonObject
  // Alternatives that refer to themselves meet in the same places: without this an agent's nesting
  // would multiply the work by their number with every level.
  if (isVisited(search, object, at)) return
  if (object['x-sensitive'] === true) {
    found.add(at)
    return
  }
  const into = (inner: Json | undefined, member: Json, path: string): void =>
    collect(search, inner, member, path, depth + 1)
  const { $ref: reference } = object
  if (typeof reference === 'string') into(resolved(root, reference), value, at)
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    for (const inner of listOf(object[keyword])) into(inner, value, at)
  }
  for (const keyword of ['if', 'then', 'else']) into(object[keyword], value, at)
  if (Array.isArray(value)) {
    const prefix = listOf(object['prefixItems'])
    for (const [index, one] of (value as readonly Json[]).entries()) {
      into(index < prefix.length ? prefix[index] : object['items'], one, `${at}/${index}`)
    }
    return
  }
  if (typeof value !== 'object' || value === null) return
  const named = (object['properties'] ?? {}) as JsonObject
  const patterns = (object['patternProperties'] ?? {}) as JsonObject
  for (const [name, member] of Object.entries(value)) {
    const path = `${at}/${escapePointer(name)}`
    if (Object.hasOwn(named, name)) into(named[name], member, path)
    // Which of them match is not asked again: a mark of any is enough.
    for (const inner of Object.values(patterns)) into(inner, member, path)
    if (!Object.hasOwn(named, name)) into(object['additionalProperties'], member, path)
  }
}

function isVisited({ visited }: Search, schema: JsonObject, at: string): boolean {
  const places = visited.get(schema) ?? new Set()
  visited.set(schema, places)
  if (places.has(at)) return true
  places.add(at)
  return false
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : []
}

function resolved(root: Json | undefined, reference: string): Json | undefined {
  if (!reference.startsWith('#')) return undefined
  let found: Json | undefined = root
  for (const part of reference.slice(1).split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    found = (found as JsonObject | undefined)?.[name]
  }
  return found
}
