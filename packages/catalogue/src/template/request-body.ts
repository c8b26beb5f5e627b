import {
  canonicalBytes,
  err,
  escapePointer,
  type Json,
  type JsonObject,
  ok,
  type Result,
} from '@latchgate/protocol'
import type { BodyEncoding, Template } from '../manifest/manifest.js'
import { encodeComponent } from './path-segments.js'
import { argumentOf, parseText, scalarText, wholePlaceholder } from './placeholder-text.js'
import type { TargetFault } from './target-fault.js'
import { interpolate } from './template-values.js'

/** Content type of a body when the template names none. */
export const CONTENT_TYPES: Readonly<Record<BodyEncoding, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain; charset=utf-8',
}

/** The bytes of a template's body; null when it has none or its only parameter is absent. */
export function resolveBody(
  template: Template,
  args: JsonObject,
): Result<Uint8Array | null, TargetFault> {
  const { body_template, body_encoding } = template
  if (body_template === undefined) return ok(null)
  const value = resolveValue(body_template, args)
  if (!value.ok) return value
  if (value.value === undefined) return ok(null)
  const at = pointerOf(body_template)
  switch (body_encoding) {
    case 'json':
      // A string as the whole body is sent as it is: the caller serialised it.
      return ok(typeof value.value === 'string' ? utf8(value.value) : canonicalBytes(value.value))
    case 'form':
      return formBody(value.value, (name) => fieldPointer(body_template, name))
    case 'text':
      return textBody(value.value, at)
  }
}

// Undefined: an optional parameter is absent, so the member or item around it is left out.
function resolveValue(node: Json, args: JsonObject): Result<Json | undefined, TargetFault> {
  if (typeof node === 'string') return resolveString(node, args)
  if (typeof node !== 'object' || node === null) return ok(node)
  if (Array.isArray(node)) {
    const items: Json[] = []
    for (const item of node as readonly Json[]) {
      const resolved = resolveValue(item, args)
      if (!resolved.ok) return resolved
      if (resolved.value !== undefined) items.push(resolved.value)
    }
    return ok(items)
  }
  const members: (readonly [string, Json])[] = []
  for (const [name, member] of Object.entries(node as JsonObject)) {
    const resolved = resolveValue(member, args)
    if (!resolved.ok) return resolved
    if (resolved.value !== undefined) members.push([name, resolved.value])
  }
  return ok(Object.fromEntries(members))
}

function resolveString(text: string, args: JsonObject): Result<Json | undefined, TargetFault> {
  const whole = wholePlaceholder(text)
  // The JSON type stays: a title of `42` is a string, as the caller wrote it.
  if (whole !== null) {
    const value = argumentOf(args, whole)
    if (value === undefined || isWellFormed(value)) return ok(value)
    return err({ path: `/${escapePointer(whole)}`, message: 'must be well-formed Unicode' })
  }
  const parts = parseText(text)
  return parts.ok ? interpolate(parts.value, args) : ok(text)
}

// Half a character has no bytes: it would be sent as another one, or as none.
function isWellFormed(value: Json): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return (Object.entries(value) as [string, Json][]).every(
    ([name, member]) => name.isWellFormed() && isWellFormed(member),
  )
}

function formBody(
  value: Json,
  pointer: (name?: string) => string,
): Result<Uint8Array, TargetFault> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return err({ path: pointer(), message: 'must be an object: it is sent as a form' })
  }
  const pairs: string[] = []
  // By name, as a JSON body is: neither digest knows in which order somebody wrote the members.
  const members = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, member] of members) {
    const items: readonly Json[] = Array.isArray(member) ? member : [member as Json]
    for (const item of items) {
      const text = scalarText(item)
      if (text === undefined || !text.isWellFormed() || !name.isWellFormed()) {
        const message = 'must be a string, number or boolean: it is sent as a form'
        return err({ path: pointer(name), message })
      }
      pairs.push(`${formComponent(name)}=${formComponent(text)}`)
    }
  }
  return ok(utf8(pairs.join('&')))
}

function textBody(value: Json, at: string): Result<Uint8Array, TargetFault> {
  const text = scalarText(value)
  if (text === undefined) {
    return err({ path: at, message: 'must be a string, number or boolean: it is sent as text' })
  }
  return ok(utf8(text))
}

function formComponent(text: string): string {
  return encodeComponent(text).replaceAll('%20', '+')
}

// The parameter that a field of a form comes from; a field of its own text comes from none.
function fieldPointer(template: Json, name?: string): string {
  const whole = pointerOf(template)
  if (name === undefined) return whole
  if (whole !== '') return `${whole}/${escapePointer(name)}`
  if (typeof template !== 'object' || template === null) return ''
  const field = Object.hasOwn(template, name) ? (template as JsonObject)[name] : undefined
  return field === undefined ? '' : pointerOf(field)
}

function pointerOf(template: Json): string {
  const whole = typeof template === 'string' ? wholePlaceholder(template) : null
  return whole === null ? '' : `/${escapePointer(whole)}`
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
