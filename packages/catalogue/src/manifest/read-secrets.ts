import type { JsonObject } from '@latchgate/protocol'
import { isHeaderName, isHeaderText, isHostOwned } from './header-names.js'
import type { SecretBinding, SecretInjection } from './manifest.js'
import type { Problems } from './problems.js'
import { Section } from './section.js'

const KINDS = ['header', 'query', 'body', 'basic', 'sigv4', 'url', 'part_of'] as const

const NAME = /^[A-Z0-9_]{1,64}$/

/** Reads `secrets`. `origin`: the origin of a template whose host is literal, the default of `to`. */
export function readSecrets(
  top: Section,
  origin: string | null,
  problems: Problems,
): readonly SecretBinding[] {
  const bindings: SecretBinding[] = []
  for (const [index, item] of top.list('secrets').entries()) {
    const path = `secrets[${index}]`
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      const fix = 'write { name: "…", required: true, inject: { header: … } }'
      problems.report(path, 'must be a mapping', fix)
      continue
    }
    const known = ['name', 'required', 'inject', 'to']
    const section = new Section(item as JsonObject, path, problems, { known })
    const name = section.requiredText('name', 'API_TOKEN')
    if (name !== '' && !NAME.test(name)) {
      const problem = `'${name}' is not the name of a secret`
      section.report('name', problem, 'use 1–64 capitals, digits and _')
    }
    const required = section.flag('required', false)
    const inject = readInjection(section)
    const to = readOrigins(section, origin)
    if (inject !== undefined) bindings.push({ name, required, inject, to })
  }
  return bindings
}

function readInjection(secret: Section): SecretInjection | undefined {
  const example = "e.g. inject: { header: authorization, format: 'Bearer {}' }"
  if (secret.raw('inject') === undefined) {
    secret.report('inject', 'the secret has no place: it would reach nobody', `add one, ${example}`)
    return undefined
  }
  const inject = secret.section('inject', { known: [...KINDS, 'format'] })
  const kinds = KINDS.filter((kind) => inject.has(kind))
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    const problem = kinds.length > 1 ? `two places: ${kinds.join(', ')}` : 'no place is named'
    secret.report('inject', problem, `use exactly one of ${KINDS.join(', ')}; ${example}`)
    return undefined
  }
  if (inject.has('format') && kind !== 'header') {
    inject.report('format', `'format' belongs to header, not to ${kind}`, 'remove it')
  }
  switch (kind) {
    case 'header':
      return readHeader(inject)
    case 'query':
      return { kind, name: inject.requiredText('query', 'key') }
    case 'body':
      return readPointer(inject)
    case 'basic':
      return readBasic(inject)
    case 'sigv4':
      return readSigv4(inject)
    case 'url':
      return readUrl(inject)
    case 'part_of':
      return { kind, of: inject.requiredText('part_of', 'SECRET_ACCESS_KEY') }
  }
}

function readHeader(inject: Section): SecretInjection {
  const header = inject.requiredText('header', 'authorization').toLowerCase()
  if (header !== '' && !isHeaderName(header)) {
    inject.report('header', `'${header}' is not a header name`, "e.g. header: 'authorization'")
  } else if (isHostOwned(header)) {
    const problem = `'${header}' belongs to the connection, the gate sets it`
    inject.report('header', problem, 'use the header that the API documents for credentials')
  }
  const format = inject.text('format', '{}')
  if (format.split('{}').length !== 2) {
    inject.report('format', `'${format}' must hold {} exactly once`, "e.g. format: 'Bearer {}'")
  } else if (!isHeaderText(format)) {
    inject.report('format', 'must be visible ASCII without line breaks', "e.g. format: 'Bearer {}'")
  }
  return { kind: 'header', header, format }
}

function readPointer(inject: Section): SecretInjection {
  const pointer = inject.requiredText('body', '/token')
  if (pointer !== '' && !/^(?:\/(?:[^~/]|~[01])+)+$/.test(pointer)) {
    const problem = `'${pointer}' is not a JSON pointer to a member`
    inject.report('body', problem, "e.g. body: '/auth/token'")
  }
  return { kind: 'body', pointer }
}

function readBasic(inject: Section): SecretInjection {
  const basic = inject.section('basic', { known: ['user'] })
  const user = basic.raw('user')
  const fix = "write user: 'name', or user: { secret: NAME }; the secret itself is the password"
  if (typeof user === 'string') {
    // RFC 7617 2: the user ends at the first colon.
    if (user.includes(':') || !isHeaderText(user)) {
      basic.report('user', 'must be visible ASCII without a colon', fix)
    }
    return { kind: 'basic', user: { text: user } }
  }
  if (user === undefined) basic.report('user', 'user is missing', fix)
  const named = basic.section('user', { known: ['secret'] })
  const secret = user === undefined ? '' : named.requiredText('secret', 'API_USER')
  return { kind: 'basic', user: { secret } }
}

function readSigv4(inject: Section): SecretInjection {
  const known = ['service', 'region', 'access_key_id', 'session_token']
  const sigv4 = inject.section('sigv4', { known })
  const token = sigv4.text('session_token', '')
  return {
    kind: 'sigv4',
    service: sigv4.requiredText('service', 's3'),
    region: sigv4.requiredText('region', 'eu-west-1'),
    access_key_id: sigv4.requiredText('access_key_id', 'AWS_ACCESS_KEY_ID'),
    ...(token === '' ? {} : { session_token: token }),
  }
}

function readUrl(inject: Section): SecretInjection {
  const url = inject.section('url', { known: ['prefix'] })
  const prefix = url.requiredText('prefix', 'https://hooks.slack.com/services/')
  const parsed = URL.canParse(prefix) ? new URL(prefix) : null
  const exact = parsed?.href === prefix && parsed.search === '' && parsed.hash === ''
  if (prefix !== '' && (!exact || parsed.protocol !== 'https:' || !prefix.endsWith('/'))) {
    const problem = `'${prefix}' is not an https URL in normal form that ends in '/'`
    url.report('prefix', problem, "e.g. prefix: 'https://hooks.slack.com/services/'")
  }
  return { kind: 'url', prefix }
}

function readOrigins(secret: Section, origin: string | null): readonly string[] | null {
  if (secret.raw('to') === undefined) return origin === null ? null : [origin]
  const origins = secret.texts('to', [])
  if (origins.length === 0) {
    secret.report('to', 'no origin: the secret could never be used', 'name one, or remove the key')
  }
  for (const [index, text] of origins.entries()) {
    if (isOrigin(text)) continue
    const example = "scheme, host and no path, e.g. 'https://api.example.com'"
    secret.report(`to[${index}]`, `'${text}' is not an exact origin`, `write ${example}`)
  }
  return origins
}

// Exactly as the origin of a request will read: no path, lower case, no default port, no wildcard.
function isOrigin(text: string): boolean {
  if (!/^https?:\/\//.test(text) || text.includes('*') || !URL.canParse(text)) return false
  return new URL(text).origin === text
}
