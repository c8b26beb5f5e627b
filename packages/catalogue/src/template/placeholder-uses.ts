import type { Json } from '@latchgate/protocol'
import type { Template } from '../manifest/manifest.js'
import { namesIn, parseText, type TextPart, wholePlaceholder } from './placeholder-text.js'
import { parseUrlTemplate } from './url-template.js'

/** A place where a template uses a parameter. */
export interface PlaceholderUse {
  readonly name: string
  /** Key path inside the manifest. */
  readonly key: string
  /** True where an absent parameter drops the whole pair, member or item. */
  readonly mayBeAbsent: boolean
}

/** Every use of a parameter in a template, in reading order. */
export function placeholderUses(template: Template): readonly PlaceholderUse[] {
  const uses: PlaceholderUse[] = [...urlUses(template)]
  for (const [name, text] of Object.entries(template.query)) {
    uses.push(...textUses(text, `template.query.${name}`))
  }
  if (template.query_params !== null) {
    const name = template.query_params
    uses.push({ name, key: 'template.query_params', mayBeAbsent: true })
  }
  if (template.body_template !== undefined) {
    uses.push(...bodyUses(template.body_template, 'template.body_template'))
  }
  return uses
}

function urlUses(template: Template): readonly PlaceholderUse[] {
  const key = 'template.url_template'
  const url = parseUrlTemplate(template.url_template)
  if (!url.ok) return []
  if (url.value.kind === 'caller') return [{ name: url.value.name, key, mayBeAbsent: false }]
  const fixed = [...url.value.authority, ...url.value.segments.flat()]
  return [
    ...namesIn(fixed).map((name) => ({ name, key, mayBeAbsent: false })),
    ...url.value.query.flatMap(({ value }) => partUses(value, key)),
  ]
}

function bodyUses(node: Json, key: string): readonly PlaceholderUse[] {
  if (typeof node === 'string') return textUses(node, key)
  if (typeof node !== 'object' || node === null) return []
  return (Object.entries(node) as [string, Json][]).flatMap(([name, member]) =>
    bodyUses(member, Array.isArray(node) ? `${key}[${name}]` : `${key}.${name}`),
  )
}

function textUses(text: string, key: string): readonly PlaceholderUse[] {
  const whole = wholePlaceholder(text)
  if (whole !== null) return [{ name: whole, key, mayBeAbsent: true }]
  const parts = parseText(text)
  return parts.ok ? partUses(parts.value, key) : []
}

function partUses(parts: readonly TextPart[], key: string): readonly PlaceholderUse[] {
  const mayBeAbsent = parts.length === 1
  return namesIn(parts).map((name) => ({ name, key, mayBeAbsent }))
}
