import type { Json, JsonObject } from '@latchgate/protocol'
import { closestName } from '../closest-name.js'
import { wholePlaceholder } from '../template/placeholder-text.js'
import { parseUrlTemplate } from '../template/url-template.js'
import type { Manifest, SecretBinding } from './manifest.js'
import type { Problems } from './problems.js'

/** Rules between the secrets of a manifest, its template and its destinations. */
export function checkSecrets(manifest: Manifest, origin: string | null, problems: Problems): void {
  const { secrets } = manifest
  if (secrets.length === 0) return
  if (manifest.egress.profile === 'none') {
    problems.report('secrets', 'an action without network has no use for secrets', 'remove them')
  }
  checkNames(secrets, problems)
  checkPlaces(manifest, problems)
  for (const [index, secret] of secrets.entries()) {
    const key = `secrets[${index}]`
    checkParts(secrets, secret, key, problems)
    checkUrlPlace(manifest, secret, key, problems)
    checkBodyPlace(manifest, secret, key, problems)
    if (origin !== null && secret.to !== null && !secret.to.includes(origin)) {
      const problem = `the action only ever calls ${origin}, which is not in the list`
      problems.report(`${key}.to`, problem, `remove 'to', or write ['${origin}']`)
    }
  }
}

function checkNames(secrets: readonly SecretBinding[], problems: Problems): void {
  const names = secrets.map((secret) => secret.name)
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue
    problems.report(`secrets[${index}].name`, `'${name}' is declared twice`, 'remove one of them')
  }
}

// Two values in one place: the second would silently replace the first.
function checkPlaces({ secrets, template }: Manifest, problems: Problems): void {
  const taken = new Map<string, string>()
  for (const name of Object.keys(template?.headers ?? {})) {
    taken.set(`header ${name}`, `template.headers.${name}`)
  }
  for (const name of Object.keys(template?.query ?? {})) {
    taken.set(`query ${name}`, `template.query.${name}`)
  }
  for (const name of inlineQueryNames(template?.url_template)) {
    taken.set(`query ${name}`, 'template.url_template')
  }
  for (const [index, secret] of secrets.entries()) {
    for (const place of placesOf(secret)) {
      const key = `secrets[${index}].inject`
      const holder = taken.get(place)
      if (holder === undefined) taken.set(place, key)
      else {
        const problem = `two values in one place: ${place} is set by ${holder} as well`
        problems.report(key, problem, 'remove one of the two')
      }
    }
  }
}

function placesOf({ inject }: SecretBinding): readonly string[] {
  switch (inject.kind) {
    case 'header':
      return [`header ${inject.header}`]
    case 'basic':
      return ['header authorization']
    case 'sigv4':
      return ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'].map(
        (name) => `header ${name}`,
      )
    case 'query':
      return [`query ${inject.name}`]
    case 'body':
      return [`body ${inject.pointer}`]
    case 'url':
      return ['url']
    case 'part_of':
      return []
  }
}

function inlineQueryNames(urlTemplate: string | undefined): readonly string[] {
  const url = urlTemplate === undefined ? null : parseUrlTemplate(urlTemplate)
  if (url === null || !url.ok || url.value.kind === 'caller') return []
  return url.value.query.map(({ name }) => name)
}

/** Names of other secrets that an injection needs. */
function partsOf({ inject }: SecretBinding): readonly string[] {
  if (inject.kind === 'basic') return 'secret' in inject.user ? [inject.user.secret] : []
  if (inject.kind !== 'sigv4') return []
  const { access_key_id, session_token } = inject
  return session_token === undefined ? [access_key_id] : [access_key_id, session_token]
}

function checkParts(
  secrets: readonly SecretBinding[],
  secret: SecretBinding,
  key: string,
  problems: Problems,
): void {
  for (const name of partsOf(secret)) {
    const part = secrets.find((one) => one.name === name)
    const fix = `declare { name: ${name}, inject: { part_of: ${secret.name} } }`
    if (part?.inject.kind !== 'part_of' || part.inject.of !== secret.name) {
      problems.report(`${key}.inject`, `'${name}' is not declared as part of '${secret.name}'`, fix)
      continue
    }
    const isOptional = secret.inject.kind === 'sigv4' && secret.inject.session_token === name
    if (secret.required && !part.required && !isOptional) {
      const problem = `'${secret.name}' is required, but its part '${name}' is not`
      problems.report(`${key}.inject`, problem, `set required: true on ${name}`)
    }
  }
  if (secret.inject.kind !== 'part_of') return
  const whole = secret.inject.of
  const owner = secrets.find((one) => one.name === whole)
  if (owner !== undefined && partsOf(owner).includes(secret.name)) return
  const others = secrets.map((one) => one.name).filter((name) => name !== secret.name)
  const near = closestName(whole, others)
  const problem =
    owner === undefined
      ? `'${whole}' is not a declared secret`
      : `'${whole}' has no place for '${secret.name}'`
  const fix =
    owner === undefined && near !== undefined
      ? `did you mean '${near}'?`
      : 'name the secret whose basic or sigv4 injection uses this one'
  problems.report(`${key}.inject.part_of`, problem, fix)
}

// The secret replaces the whole URL, so the plan must show the prefix and nothing may be added.
function checkUrlPlace(
  { template }: Manifest,
  { inject }: SecretBinding,
  key: string,
  problems: Problems,
): void {
  if (inject.kind !== 'url') return
  const query = Object.keys(template?.query ?? {}).length > 0 || template?.query_params !== null
  if (template?.url_template === inject.prefix && !query) return
  const problem = 'the secret is the whole URL, but url_template is not exactly its prefix'
  const fix = `set template.url_template: '${inject.prefix}', without query`
  problems.report(`${key}.inject.url`, problem, fix)
}

function checkBodyPlace(
  { template }: Manifest,
  { inject }: SecretBinding,
  key: string,
  problems: Problems,
): void {
  if (inject.kind !== 'body') return
  const body = template?.body_template
  const isJsonObject =
    typeof body === 'object' && !Array.isArray(body) && template?.body_encoding === 'json'
  if (!isJsonObject) {
    const problem = 'only a JSON body_template that is a mapping has a place for a secret'
    problems.report(`${key}.inject.body`, problem, 'write body_template: { … }, or use a header')
    return
  }
  if (!isFree(body as Json, inject.pointer)) {
    const problem = `'${inject.pointer}' is taken or lies inside a value of the template`
    problems.report(`${key}.inject.body`, problem, 'name a member that the template does not set')
  }
}

// Free: the member does not exist, and what it would be put into is a mapping of the template's own.
function isFree(body: Json, pointer: string): boolean {
  let node: Json | undefined = body
  for (const escaped of pointer.slice(1).split('/')) {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof node === 'string' && wholePlaceholder(node) !== null) return false
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return node === undefined
    node = Object.hasOwn(node, name) ? (node as JsonObject)[name] : undefined
  }
  return node === undefined
}
