import type { JsonObject } from '@latchgate/protocol'
import { parseDocument } from 'yaml'
import type { Problems } from './problems.js'

// A manifest is written by hand; anything larger is something else.
const MAX_CHARACTERS = 1_048_576

/**
 * Reads one YAML 1.2 document as JSON: a mapping with string keys, no duplicate keys, no tags, no
 * numbers that JSON does not have. Undefined when it is not; the problems say why, with line and
 * column.
 */
export function readYaml(text: string, problems: Problems): JsonObject | undefined {
  if (text.length > MAX_CHARACTERS) {
    problems.report('', 'the file is larger than 1 MiB', 'a manifest is one short YAML document')
    return undefined
  }
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    uniqueKeys: true,
    prettyErrors: true,
    logLevel: 'error',
  })
  const faults = [...document.errors, ...document.warnings]
  for (const fault of faults) {
    const [line] = fault.message.split('\n', 1)
    problems.report(
      '',
      `not readable as YAML: ${(line ?? '').replace(/:$/, '')}`,
      fixFor(fault.code),
    )
  }
  if (faults.length > 0) return undefined
  const value = toPlain(document, problems)
  if (value === undefined) return undefined
  const odd = notJson(value, '', 0)
  if (odd !== null) {
    const fix = 'write a finite number, a well-formed string, true, false, a list or a mapping'
    problems.report(odd, 'the value is not JSON, or nested too deep', fix)
    return undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject
  }
  problems.report('', 'the document is not a mapping', 'begin with action_id: "…"')
  return undefined
}

function toPlain(document: { toJS(): unknown }, problems: Problems): unknown {
  try {
    return document.toJS()
  } catch (error) {
    // Unresolved or excessively repeated aliases.
    if (error instanceof ReferenceError || error instanceof RangeError) {
      problems.report('', `not readable as YAML: ${error.message}`, 'write the values out')
      return undefined
    }
    throw error
  }
}

function fixFor(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'remove one of the two keys'
  if (code === 'NON_STRING_KEY') return 'put keys and {{placeholders}} in quotes'
  if (code === 'MULTIPLE_DOCS') return 'one document a file: remove the second'
  if (code === 'TAG_RESOLVE_FAILED') return 'remove the tag'
  return 'correct the YAML; put texts with {{ }}, : or # in quotes'
}

// Also ends the walk through an alias that contains itself.
const MAX_DEPTH = 64

// The path of the first value that JSON does not have, such as .inf or .nan.
function notJson(value: unknown, path: string, depth: number): string | null {
  if (value === null || typeof value === 'boolean') return null
  if (typeof value === 'string') return value.isWellFormed() ? null : path
  if (typeof value === 'number') return Number.isFinite(value) ? null : path
  if (typeof value !== 'object' || depth === MAX_DEPTH) return path
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    const below = Array.isArray(value) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`
    const odd = notJson(member, below, depth + 1)
    if (odd !== null) return odd
  }
  return null
}
