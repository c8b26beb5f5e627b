import type { Json, JsonObject } from '@latchgate/protocol'

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** Keywords whose content is data, not schema. */
const DATA_KEYWORDS: readonly string[] = ['const', 'enum', 'default', 'examples']

/**
 * Finds what a manifest's schema must not hold, before a compiler sees it: references that leave the
 * document (they would be fetched), names that could collide with other schemas, another dialect.
 * Null when there is nothing.
 */
export function schemaRuleBroken(schema: JsonObject): string | null {
  return brokenIn(schema, '')
}

/** True when a schema gives defaults, so that the value it is applied to may be changed. */
export function hasDefaults(schema: Json): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  if (!Array.isArray(schema) && Object.hasOwn(schema, 'default')) return true
  return (Object.values(schema) as readonly Json[]).some(hasDefaults)
}

function brokenIn(node: Json, path: string): string | null {
  if (typeof node !== 'object' || node === null) return null
  if (!Array.isArray(node)) {
    const broken = brokenKeyword(node as JsonObject, path)
    if (broken !== null) return broken
  }
  for (const [name, member] of Object.entries(node as JsonObject)) {
    if (DATA_KEYWORDS.includes(name)) continue
    const broken = brokenIn(member, `${path}/${name}`)
    if (broken !== null) return broken
  }
  return null
}

function brokenKeyword(node: JsonObject, path: string): string | null {
  for (const keyword of ['$ref', '$dynamicRef']) {
    const target = node[keyword]
    if (typeof target === 'string' && !target.startsWith('#')) {
      return `${path}/${keyword} is external ('${target}'): only '#/…' is resolved`
    }
  }
  if (typeof node['$id'] === 'string') return `${path}/$id is not allowed: remove it`
  if (typeof node['$schema'] === 'string' && node['$schema'] !== DIALECT) {
    return `${path}/$schema must be '${DIALECT}'`
  }
  // An asynchronous schema answers with a promise, which is truthy.
  if (typeof node['$async'] === 'boolean') return `${path}/$async is not allowed: remove it`
  return null
}
