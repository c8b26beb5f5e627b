import {
  err,
  escapePointer,
  type Json,
  type JsonObject,
  ok,
  type Result,
} from '@latchgate/protocol'
import type { Template } from '../manifest/manifest.js'
import { encodeComponent } from './path-segments.js'
import { argumentOf, parseText, scalarText, wholePlaceholder } from './placeholder-text.js'
import type { TargetFault } from './target-fault.js'
import { interpolate } from './template-values.js'
import type { UrlTemplate } from './url-template.js'

/** An encoded `name=value`. */
export interface QueryPair {
  readonly name: string
  readonly value: string
}

/**
 * The query of a target: the template's own, then `query`, then the members of the parameter that
 * `query_params` names. `reserved` are names that only the manifest may use: those of its template and
 * of its secrets.
 */
export function queryPairs(
  template: Template,
  url: UrlTemplate,
  args: JsonObject,
  reserved: ReadonlySet<string>,
): Result<readonly QueryPair[], TargetFault> {
  const pairs: QueryPair[] = []
  for (const { name, value } of url.kind === 'parts' ? url.query : []) {
    const [only] = value
    const whole = value.length === 1 && only !== undefined && 'name' in only ? only.name : null
    const values =
      whole === null ? interpolate(value, args, encodeComponent) : wholeValues(args, whole)
    if (!values.ok) return values
    pairs.push(...asList(values.value).map((one) => ({ name, value: one })))
  }
  for (const [name, text] of Object.entries(template.query)) {
    const values = templatedValues(text, args)
    if (!values.ok) return values
    pairs.push(...values.value.map((one) => ({ name: encodeComponent(name), value: one })))
  }
  const free = freePairs(template.query_params, args, reserved)
  return free.ok ? ok([...pairs, ...free.value]) : free
}

function templatedValues(text: string, args: JsonObject): Result<readonly string[], TargetFault> {
  const whole = wholePlaceholder(text)
  if (whole !== null) return wholeValues(args, whole)
  const parts = parseText(text)
  const mixed = interpolate(parts.ok ? parts.value : [{ literal: text }], args)
  return mixed.ok ? ok([encodeComponent(mixed.value)]) : mixed
}

// An absent optional drops its pair; a list repeats it.
function wholeValues(args: JsonObject, name: string): Result<readonly string[], TargetFault> {
  const value = argumentOf(args, name)
  return value === undefined ? ok([]) : encodedValues(value, `/${escapePointer(name)}`)
}

function freePairs(
  parameter: string | null,
  args: JsonObject,
  reserved: ReadonlySet<string>,
): Result<readonly QueryPair[], TargetFault> {
  const object = parameter === null ? undefined : argumentOf(args, parameter)
  if (parameter === null || object === undefined) return ok([])
  const root = `/${escapePointer(parameter)}`
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    return err({ path: root, message: 'must be an object' })
  }
  const pairs: QueryPair[] = []
  for (const [name, value] of Object.entries(object as JsonObject)) {
    const path = `${root}/${escapePointer(name)}`
    // A second `per_page` or `key` beside the manifest's own would let the caller override it.
    if (reserved.has(name)) return err({ path, message: 'is set by the action itself' })
    if (!name.isWellFormed()) return err({ path: root, message: 'has a malformed member name' })
    const values = encodedValues(value, path)
    if (!values.ok) return values
    pairs.push(...values.value.map((one) => ({ name: encodeComponent(name), value: one })))
  }
  return ok(pairs)
}

function encodedValues(value: Json, path: string): Result<readonly string[], TargetFault> {
  const items: readonly Json[] = Array.isArray(value) ? value : [value as Json]
  const texts: string[] = []
  for (const item of items) {
    const text = scalarText(item)
    if (text === undefined) {
      const message = 'must be a string, number or boolean, or an array of these'
      return err({ path, message })
    }
    if (!text.isWellFormed()) return err({ path, message: 'must be well-formed Unicode' })
    texts.push(encodeComponent(text))
  }
  return ok(texts)
}

function asList(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}
