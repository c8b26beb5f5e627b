import { err, escapePointer, type JsonObject, ok, type Result } from '@latchgate/protocol'
import { argumentOf, scalarText, type TextPart } from './placeholder-text.js'
import type { TargetFault } from './target-fault.js'

/** The text of a parameter that the template cannot do without. */
export function requiredText(args: JsonObject, name: string): Result<string, TargetFault> {
  const path = `/${escapePointer(name)}`
  const value = argumentOf(args, name)
  if (value === undefined) return err({ path, message: 'is required by the action' })
  const text = scalarText(value)
  if (text === undefined) return err({ path, message: 'must be a string, number or boolean' })
  if (!text.isWellFormed()) return err({ path, message: 'must be well-formed Unicode' })
  return ok(text)
}

/** Joins literals and values; `encode` is applied to the values only. */
export function interpolate(
  parts: readonly TextPart[],
  args: JsonObject,
  encode: (text: string) => string = (text) => text,
): Result<string, TargetFault> {
  let joined = ''
  for (const part of parts) {
    if ('literal' in part) {
      joined += part.literal
      continue
    }
    const value = requiredText(args, part.name)
    if (!value.ok) return value
    joined += encode(value.value)
  }
  return ok(joined)
}
