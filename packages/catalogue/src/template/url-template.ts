import { err, ok, type Result } from '@latchgate/protocol'
import { parseText, type TextPart, wholePlaceholder } from './placeholder-text.js'

/** A URL template in its parts. */
export type UrlTemplate =
  | {
      /** `{{url}}` alone: the caller's URL. */
      readonly kind: 'caller'
      readonly name: string
    }
  | {
      readonly kind: 'parts'
      readonly scheme: 'http' | 'https'
      readonly authority: readonly TextPart[]
      /** What stands between the slashes; the first follows the first slash. */
      readonly segments: readonly (readonly TextPart[])[]
      readonly query: readonly InlinePair[]
    }

/** A `name=value` of the template's own query; the name and all literal text are already encoded. */
export interface InlinePair {
  readonly name: string
  readonly value: readonly TextPart[]
}

/** Splits a URL template; the error says what is wrong with it. */
export function parseUrlTemplate(text: string): Result<UrlTemplate, string> {
  const whole = wholePlaceholder(text)
  if (whole !== null) return ok({ kind: 'caller', name: whole })
  const parts = parseText(text)
  if (!parts.ok) return parts
  // Rejoined, so that the text between braces is a bare name and cannot hold a delimiter.
  const joined = parts.value
    .map((one) => ('name' in one ? `{{${one.name}}}` : one.literal))
    .join('')
  const match = /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/i.exec(joined)
  if (match === null) {
    return err('it must begin with https:// or http://, or be one placeholder, without a fragment')
  }
  const [, scheme = '', authority = '', path = '', query] = match
  const problem = authorityProblem(authority) ?? pathProblem(path)
  if (problem !== null) return err(problem)
  return ok({
    kind: 'parts',
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    authority: partsOf(authority),
    segments: path === '' ? [[]] : path.slice(1).split('/').map(partsOf),
    query: query === undefined || query === '' ? [] : query.split('&').map(inlinePair),
  })
}

/** The host of a template with every placeholder replaced by `x`; null for the caller's URL. */
export function exampleUrl(template: UrlTemplate): URL | null {
  if (template.kind === 'caller') return null
  return new URL(`${template.scheme}://${exampleText(template.authority)}/`)
}

/** True when no part of the host comes from the caller. */
export function hasLiteralHost(template: UrlTemplate): boolean {
  return template.kind === 'parts' && template.authority.every((part) => 'literal' in part)
}

function authorityProblem(authority: string): string | null {
  if (authority === '') return 'it has no host'
  if (/[@\\\s]/.test(authority)) return 'the host must not hold user information or white space'
  const example = exampleText(partsOf(authority))
  if (!URL.canParse(`https://${example}/`)) return `'${authority}' is not a host`
  return null
}

// What the URL parser would change was not meant as it is written: dot segments, spaces, backslashes.
function pathProblem(path: string): string | null {
  const example = exampleText(partsOf(path))
  const parsed = new URL(`https://host${example === '' ? '/' : example}`).pathname
  if (parsed === (example === '' ? '/' : example)) return null
  return `the path '${path}' is not in normal form (it would become '${parsed}')`
}

function inlinePair(text: string): InlinePair {
  const equals = text.indexOf('=')
  if (equals < 0) return { name: text, value: [] }
  return { name: text.slice(0, equals), value: partsOf(text.slice(equals + 1)) }
}

function exampleText(parts: readonly TextPart[]): string {
  return parts.map((part) => ('name' in part ? 'x' : part.literal)).join('')
}

// Of a piece of a text that was parsed as a whole before.
function partsOf(text: string): readonly TextPart[] {
  const parts = parseText(text)
  return parts.ok ? parts.value : [{ literal: text }]
}
