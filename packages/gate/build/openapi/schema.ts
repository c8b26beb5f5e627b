import type { JsonObject } from '@latchgate/protocol'

/** A JSON Schema (2020-12), with references to components as `Name#`. */
export type Schema = JsonObject

/** A member that may be absent. */
export interface OptionalMember {
  readonly optional: Schema
}

/** One schema for each member of a wire type: `optional()` where the type has a `?`, and only there. */
export type Members<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? OptionalMember : Schema
}

/** A member that is absent when there is no value. */
export function optional(schema: Schema): OptionalMember {
  return { optional: schema }
}

/**
 * A closed object. Named with a wire type it compiles only while it has every member of that type,
 * and no other, required where the type requires them.
 */
export function object<T>(members: Members<NoInfer<T>>, description?: string): Schema {
  const entries = Object.entries<Schema | OptionalMember>(members)
  const required = entries.filter(([, member]) => !isOptional(member)).map(([name]) => name)
  return {
    type: 'object',
    ...described(description),
    properties: Object.fromEntries(
      entries.map(([name, member]) => [name, isOptional(member) ? member.optional : member]),
    ),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
}

/** An object with these members among others. */
export function openObject(
  description: string,
  members: Readonly<Record<string, Schema>> = {},
): Schema {
  const required = Object.keys(members)
  return {
    type: 'object',
    description,
    ...(required.length === 0 ? {} : { properties: members, required }),
    additionalProperties: true,
  }
}

/** An object whose members' names are data. */
export function record(values: Schema, description: string): Schema {
  return { type: 'object', description, additionalProperties: values }
}

/** A component, by its name. */
export function ref(name: string): Schema {
  return { $ref: `${name}#` }
}

/** Text. */
export function text(description?: string, keywords: JsonObject = {}): Schema {
  return { type: 'string', ...described(description), ...keywords }
}

/** A UUID in lower case. */
export function uuid(description?: string): Schema {
  return text(description, { format: 'uuid' })
}

/** A moment (RFC 3339, UTC). */
export function moment(description?: string): Schema {
  return text(description, { format: 'date-time' })
}

/** Bytes in lower-case hex. */
export function hex(bytes: number, description?: string): Schema {
  return text(description, { pattern: `^[0-9a-f]{${bytes * 2}}$` })
}

/** A digest as records write it: `sha256:` and 64 hex digits. */
export function digest(description?: string): Schema {
  return text(description, { pattern: '^sha256:[0-9a-f]{64}$' })
}

/** A whole number, 0 or more. */
export function count(description?: string, keywords: JsonObject = {}): Schema {
  return { type: 'integer', ...described(description), minimum: 0, ...keywords }
}

/** A whole number of either sign. */
export function integer(description?: string): Schema {
  return { type: 'integer', ...described(description) }
}

/** True or false. */
export function boolean(description?: string): Schema {
  return { type: 'boolean', ...described(description) }
}

/** One value. */
export function constant(value: string | number | boolean, description?: string): Schema {
  return { ...described(description), const: value }
}

/** The texts of a union type: it compiles only with all of them, and no other. */
export function oneOf<T extends string>(
  values: Readonly<Record<T, true>>,
  description?: string,
): Schema {
  return { type: 'string', ...described(description), enum: Object.keys(values) }
}

/** A list. */
export function list(items: Schema, description?: string, keywords: JsonObject = {}): Schema {
  return { type: 'array', ...described(description), items, ...keywords }
}

/** The value, or null: the member is there either way. */
export function nullable(schema: Schema): Schema {
  const { type } = schema
  if (typeof type === 'string' && schema['enum'] === undefined) {
    return { ...schema, type: [type, 'null'] }
  }
  return { anyOf: [schema, { type: 'null' }] }
}

/** One of several shapes. */
export function anyOf(schemas: readonly Schema[], description?: string): Schema {
  return { ...described(description), anyOf: schemas }
}

function described(description: string | undefined): JsonObject {
  return description === undefined ? {} : { description }
}

function isOptional(member: Schema | OptionalMember): member is OptionalMember {
  const { optional: schema } = member
  return typeof schema === 'object' && schema !== null && Object.keys(member).length === 1
}
