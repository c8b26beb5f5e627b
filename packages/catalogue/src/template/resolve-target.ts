import { err, type JsonObject, ok, type Result } from '@latchgate/protocol'
import type { Manifest, Template } from '../manifest/manifest.js'
import { CONTENT_TYPES, resolveBody } from './request-body.js'
import type { Target } from './target.js'
import type { TargetFault } from './target-fault.js'
import { resolveUrl } from './target-url.js'

/** Sent unless the template says otherwise; several APIs refuse requests without a user agent. */
const DEFAULT_HEADERS: Readonly<Record<string, string>> = {
  accept: '*/*',
  'user-agent': 'latchgate/0.3',
}

/**
 * Resolves the template of an action to the one request that the call may make (design 8, Templates).
 * `args` are the validated arguments, defaults applied, from the strict parser. A fault names the
 * member; no request is made.
 */
export function resolveTarget(manifest: Manifest, args: JsonObject): Result<Target, TargetFault> {
  const { template } = manifest
  if (template === null) return err({ path: '', message: 'the action has no template' })
  const secretQueryNames = manifest.secrets.flatMap(({ inject }) =>
    inject.kind === 'query' ? [inject.name] : [],
  )
  const url = resolveUrl(template, args, secretQueryNames)
  if (!url.ok) return url
  const body = resolveBody(template, args)
  if (!body.ok) return body
  return ok({
    method: template.method,
    url: url.value,
    headers: headersOf(template, body.value !== null),
    body: body.value,
  })
}

function headersOf(template: Template, hasBody: boolean): readonly (readonly [string, string])[] {
  const type = hasBody ? { 'content-type': CONTENT_TYPES[template.body_encoding] } : {}
  const headers = Object.entries({ ...DEFAULT_HEADERS, ...type, ...template.headers })
  const sent = hasBody ? headers : headers.filter(([name]) => name !== 'content-type')
  return sent.sort(([a], [b]) => (a < b ? -1 : 1))
}
