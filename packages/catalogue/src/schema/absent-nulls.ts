import type { Json, JsonObject } from '@latchgate/protocol'

/**
 * A value without the members that are null where that can only mean "not given". Never changes what
 * it is given, and gives that very value back where there is nothing to leave out.
 */
export type LeaveOutNulls = (value: JsonObject) => JsonObject

interface ObjectRule {
  /** Members that may be left out and could never be null. */
  readonly optional: ReadonlySet<string>
  readonly nested: ReadonlyMap<string, ObjectRule>
}

/**
 * Frameworks that make a class of a schema send null for each optional parameter that a model left out
 * (spec/mcp-webhooks-sandbox 8). Such a null is left out if the schema names the member, does not
 * require it, and says by `type`, `enum` or `const` that it is never null: without this the call would
 * be refused whatever else it holds. What a reference or an alternative says is not looked at.
 * @returns null if no call can hold such a member
 */
export function leavesOutNulls(schema: JsonObject): LeaveOutNulls | null {
  const rule = ruleOf(schema)
  return rule === null ? null : (value) => without(value, rule)
}

function ruleOf(schema: JsonObject): ObjectRule | null {
  const required: readonly Json[] = Array.isArray(schema['required']) ? schema['required'] : []
  const optional = new Set<string>()
  const nested = new Map<string, ObjectRule>()
  for (const [name, member] of Object.entries(objectOf(schema['properties']))) {
    const described = objectOf(member)
    if (!required.includes(name) && isNeverNull(described)) optional.add(name)
    const inner = ruleOf(described)
    if (inner !== null) nested.set(name, inner)
  }
  return optional.size === 0 && nested.size === 0 ? null : { optional, nested }
}

function isNeverNull(schema: JsonObject): boolean {
  const { type, enum: values } = schema
  if (typeof type === 'string') return type !== 'null'
  if (Array.isArray(type)) return !type.includes('null')
  if (Array.isArray(values)) return !values.includes(null)
  return Object.hasOwn(schema, 'const') && schema['const'] !== null
}

function without(value: JsonObject, rule: ObjectRule): JsonObject {
  let isChanged = false
  const kept: [string, Json][] = []
  for (const [name, member] of Object.entries(value)) {
    if (member === null && rule.optional.has(name)) {
      isChanged = true
      continue
    }
    const inner = rule.nested.get(name)
    const cleaned = inner !== undefined && isObject(member) ? without(member, inner) : member
    isChanged ||= cleaned !== member
    kept.push([name, cleaned])
  }
  return isChanged ? Object.fromEntries(kept) : value
}

function objectOf(value: Json | undefined): JsonObject {
  return value !== undefined && isObject(value) ? value : {}
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
