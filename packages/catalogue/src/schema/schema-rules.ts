import { escapePointer, type Json, type JsonObject } from '@latchgate/protocol'
import { closestName } from '../closest-name.js'
import {
  FORMATS,
  KEYWORDS,
  SCHEMA_KEYWORDS,
  SCHEMA_LIST_KEYWORDS,
  SCHEMA_MAP_KEYWORDS,
  TYPES,
} from './schema-keywords.js'

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** Keywords below which the compiler does not fill in defaults: it cannot know which branch holds. */
const UNDECIDED: readonly string[] = ['anyOf', 'contains', 'if', 'not', 'oneOf', 'propertyNames']

/** What is wrong with a schema, with the place in it, and what to do; an empty hint if that is plain. */
export interface SchemaDefect {
  readonly problem: string
  readonly hint: string
}

/** What to do about a defect, as a whole sentence. */
export function schemaFix({ hint }: SchemaDefect): string {
  return hint === '' ? 'correct the schema' : `correct the schema: ${hint}`
}

/** Where the walk through a schema is. */
interface Place {
  /** JSON pointer. */
  readonly path: string
  /** Whether a `default` here would be filled in. */
  readonly default: 'applied' | 'ignored'
  /** Whether one of a property below could be. */
  readonly decided: boolean
}

/**
 * Finds what a manifest's schema must not hold, before a compiler sees it: references that leave the
 * document (they would be fetched), names that could collide with other schemas, another dialect,
 * keywords, types and formats that do not exist, defaults that nobody would fill in. Null when there
 * is nothing.
 */
export function schemaRuleBroken(schema: JsonObject): SchemaDefect | null {
  return brokenIn(schema, { path: '', default: 'ignored', decided: true })
}

/** True when a schema gives defaults, so that the value it is applied to may be changed. */
export function hasDefaults(schema: Json): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  if (!Array.isArray(schema) && Object.hasOwn(schema, 'default')) return true
  return (Object.values(schema) as readonly Json[]).some(hasDefaults)
}

function brokenIn(node: Json | undefined, place: Place): SchemaDefect | null {
  // `true`, `false`, and what is no schema at all: the meta-schema has words for that.
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return null
  const schema = node as JsonObject
  for (const [keyword, value] of Object.entries(schema)) {
    const defect = brokenKeyword(keyword, value, place) ?? brokenBelow(keyword, value, place)
    if (defect !== null) return defect
  }
  return null
}

function brokenBelow(keyword: string, value: Json, place: Place): SchemaDefect | null {
  const decided = place.decided && !UNDECIDED.includes(keyword)
  const path = `${place.path}/${keyword}`
  if (SCHEMA_KEYWORDS.includes(keyword)) {
    return brokenIn(value, { path, default: 'ignored', decided })
  }
  const isMap = SCHEMA_MAP_KEYWORDS.includes(keyword)
  if (!isMap && !SCHEMA_LIST_KEYWORDS.includes(keyword)) return null
  if (typeof value !== 'object' || value === null) return null
  for (const [name, member] of Object.entries(value as JsonObject)) {
    const defect = brokenIn(member, {
      path: `${path}/${escapePointer(name)}`,
      default: keyword === 'properties' && decided ? 'applied' : 'ignored',
      decided,
    })
    if (defect !== null) return defect
  }
  return null
}

function brokenKeyword(keyword: string, value: Json, place: Place): SchemaDefect | null {
  const at = `${place.path}/${keyword}`
  switch (keyword) {
    case '$ref':
    case '$dynamicRef':
      if (typeof value !== 'string' || value.startsWith('#')) return null
      return { problem: `${at} is external ('${value}'): only '#/…' is resolved`, hint: '' }
    case '$id':
    // An asynchronous schema answers with a promise, which is truthy.
    case '$async':
      return { problem: `${at} is not allowed`, hint: 'remove it' }
    case '$schema':
      if (value === DIALECT) return null
      return { problem: `${at} must be '${DIALECT}'`, hint: 'remove it, or write that' }
    case 'default':
      if (place.default === 'applied') return null
      return { problem: `${at} is ignored`, hint: 'give it to the property itself' }
    case 'format':
      return brokenName(value, FORMATS, `${at}: unknown format`)
    case 'type':
      return brokenType(value, at)
    case 'pattern':
      return brokenPattern(value, at)
    default:
      return brokenName(keyword, KEYWORDS, `${place.path || '/'}: unknown keyword`)
  }
}

function brokenType(value: Json, at: string): SchemaDefect | null {
  const types: readonly Json[] = Array.isArray(value) ? value : [value as Json]
  for (const type of types) {
    const defect = brokenName(type, TYPES, `${at}: unknown type`)
    if (defect !== null) return defect
  }
  return null
}

function brokenName(value: Json, known: readonly string[], what: string): SchemaDefect | null {
  if (typeof value !== 'string' || known.includes(value)) return null
  const near = closestName(value, known)
  const hint = near === undefined ? `use one of ${known.join(', ')}` : `did you mean '${near}'?`
  return { problem: `${what} "${value.slice(0, 80)}"`, hint }
}

function brokenPattern(value: Json, at: string): SchemaDefect | null {
  if (typeof value !== 'string') return null
  try {
    new RegExp(value, 'u')
    return null
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: `${at}: ${error.message}`, hint: '' }
    throw error
  }
}
