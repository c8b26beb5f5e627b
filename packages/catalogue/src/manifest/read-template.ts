import type { Json } from '@latchgate/protocol'
import { parseText } from '../template/placeholder-text.js'
import { parseUrlTemplate } from '../template/url-template.js'
import { isCredentialHeader, isHeaderName, isHeaderText, isHostOwned } from './header-names.js'
import type { Template } from './manifest.js'
import type { Section } from './section.js'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const

const KEYS = [
  'method',
  'url_template',
  'path_params',
  'query',
  'query_params',
  'headers',
  'body_template',
  'body_encoding',
]

/** Reads `template`; null when there is none. Each text is checked by itself. */
export function readTemplate(top: Section): Template | null {
  if (top.raw('template') === undefined) return null
  const section = top.section('template', { known: KEYS })
  const query_params = section.text('query_params', '')
  const template: Template = {
    method: readMethod(section),
    url_template: section.requiredText('url_template', 'https://api.example.com/items/{{id}}'),
    path_params: section.texts('path_params', []),
    query: byName(section.textMap('query')),
    query_params: query_params === '' ? null : query_params,
    headers: readHeaders(section),
    body_template: section.raw('body_template'),
    body_encoding: section.choice('body_encoding', ['json', 'form', 'text'], 'json'),
  }
  checkUrl(section, template.url_template)
  for (const [name, text] of Object.entries(template.query)) {
    checkText(section, `query.${name}`, text)
  }
  checkBodyTexts(section, 'body_template', template.body_template)
  return template
}

// The order of a mapping's keys is not part of an action's digest, so it must not show in a request.
function byName(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function readMethod(section: Section): string {
  const text = section.requiredText('method', 'GET').toUpperCase()
  if (text === '' || METHODS.some((method) => method === text)) return text
  const problem = `'${text}' is not a method`
  section.report('method', problem, `use one of ${METHODS.join(', ')}`)
  return text
}

function checkUrl(section: Section, text: string): void {
  if (text === '') return
  const parsed = parseUrlTemplate(text)
  if (parsed.ok) return
  section.report('url_template', parsed.error, "e.g. 'https://api.example.com/items/{{id}}'")
}

function readHeaders(section: Section): Readonly<Record<string, string>> {
  const headers = new Map<string, string>()
  for (const [written, value] of Object.entries(section.textMap('headers'))) {
    const name = written.toLowerCase()
    const key = `headers.${written}`
    if (!isHeaderName(name)) section.report(key, 'not a header name', "e.g. 'accept'")
    else if (isHostOwned(name)) {
      section.report(key, 'the header belongs to the connection, the gate sets it', 'remove it')
    } else if (isCredentialHeader(name)) {
      const fix = 'declare a secret with inject: { header: … }'
      section.report(key, 'a credential does not belong in a manifest', fix)
    } else if (headers.has(name)) {
      section.report(key, 'the header stands there twice', 'remove one of them')
    }
    if (value.includes('{{')) {
      section.report(key, 'headers are static: placeholders are not resolved', 'write the text')
    } else if (!isHeaderText(value)) {
      section.report(key, 'must be visible ASCII without line breaks', 'correct the text')
    }
    headers.set(name, value)
  }
  return Object.fromEntries(headers)
}

function checkBodyTexts(section: Section, key: string, node: Json | undefined): void {
  if (typeof node === 'string') checkText(section, key, node)
  if (typeof node !== 'object' || node === null) return
  for (const [name, member] of Object.entries(node) as [string, Json][]) {
    checkBodyTexts(section, Array.isArray(node) ? `${key}[${name}]` : `${key}.${name}`, member)
  }
}

function checkText(section: Section, key: string, text: string): void {
  const parsed = parseText(text)
  if (!parsed.ok) section.report(key, parsed.error, "write placeholders as '{{name}}'")
}
