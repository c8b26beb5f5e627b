import { err, type Json, type JsonObject, ok, type Result } from '@latchgate/protocol'

/** A piece of a template string: text as it is, or the name of a parameter. */
export type TextPart = { readonly literal: string } | { readonly name: string }

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Splits a template string at its `{{name}}` placeholders. The error says what is wrong with it: an
 * unclosed placeholder, or something between the braces that is not the name of a parameter (so
 * `{{a}} x }}` is never taken for one placeholder).
 */
export function parseText(text: string): Result<readonly TextPart[], string> {
  const parts: TextPart[] = []
  let at = 0
  while (at < text.length) {
    const open = text.indexOf('{{', at)
    if (open < 0) break
    if (open > at) parts.push({ literal: text.slice(at, open) })
    const close = text.indexOf('}}', open)
    if (close < 0) return err("'{{' without '}}'")
    const name = text.slice(open + 2, close).trim()
    if (!NAME.test(name)) return err(`'{{${name}}}' does not hold the name of a parameter`)
    parts.push({ name })
    at = close + 2
  }
  if (at < text.length) parts.push({ literal: text.slice(at) })
  return ok(parts)
}

/** The parameter, when the trimmed text is exactly one placeholder; its value then keeps its type. */
export function wholePlaceholder(text: string): string | null {
  const parts = parseText(text.trim())
  const [only] = parts.ok ? parts.value : []
  if (!parts.ok || parts.value.length !== 1 || only === undefined) return null
  return 'name' in only ? only.name : null
}

/** The names in a list of parts. */
export function namesIn(parts: readonly TextPart[]): readonly string[] {
  return parts.flatMap((part) => ('name' in part ? [part.name] : []))
}

/** An argument by name; inherited members such as `constructor` are not arguments. */
export function argumentOf(args: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(args, name) ? args[name] : undefined
}

/** A string as it is, numbers and booleans as JSON writes them; undefined for anything else. */
export function scalarText(value: Json): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return undefined
}
