import { isHostOwned, type Target } from '@latchgate/catalogue'
import { err, type Json, JsonFault, ok, parseJson, type Result } from '@latchgate/protocol'
import { percentEncode } from './percent-encoding.js'

/** Visible ASCII that a header keeps as it is: no control characters, no space at either end. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Sets a header, in place of any of that name: an injected header is the gate's, whoever asked. */
export function placeInHeader(target: Target, name: string, value: string): Result<Target, string> {
  const header = name.toLowerCase()
  // A secret in one of them would change the framing, or stay on the way.
  if (isHostOwned(header)) return err(`'${header}' belongs to the connection`)
  if (!HEADER_VALUE.test(value)) return err('a header takes visible ASCII only')
  const others = target.headers.filter(([other]) => other !== header)
  return ok({ ...target, headers: [...others, [header, value]] })
}

/** Adds a query pair behind the others, which keep their bytes. */
export function placeInQuery(target: Target, name: string, value: string): Result<Target, string> {
  const url = new URL(target.url)
  // A caller who names the parameter too would decide which of the two the server reads.
  if (url.searchParams.has(name)) return err(`the request has a query parameter '${name}' already`)
  const pair = `${percentEncode(name)}=${percentEncode(value)}`
  url.search = url.search === '' ? `?${pair}` : `${url.search}&${pair}`
  return ok({ ...target, url: url.href })
}

/** Sets a member of a JSON body by its pointer (RFC 6901); missing objects on the way are made. */
export function placeInBody(
  target: Target,
  pointer: string,
  value: string,
): Result<Target, string> {
  if (!pointer.startsWith('/')) return err(`'${pointer}' does not point into the body`)
  if (target.body === null) return err('the request has no body')
  let body: Json
  try {
    body = parseJson(target.body)
  } catch (error) {
    if (error instanceof JsonFault) return err('the body is not JSON')
    throw error
  }
  const path = pointer.slice(1).split('/').map(unescapePointer)
  const changed = withMember(body, path, value)
  if (changed === null) return err(`the body has no place at '${pointer}'`)
  return ok({ ...target, body: new TextEncoder().encode(JSON.stringify(changed)) })
}

/**
 * Replaces the whole URL by the secret. The plan showed the prefix, so the request must be the prefix
 * and the secret must lie below it, on the same origin, as the HTTP client reads both.
 */
export function placeUrl(target: Target, prefix: string, value: string): Result<Target, string> {
  if (target.url !== prefix) return err('the request is not exactly the prefix of the secret URL')
  if (!value.startsWith(prefix)) return err('the secret URL does not begin with its prefix')
  if (!HEADER_VALUE.test(value) || !URL.canParse(value)) return err('the secret is not a URL')
  const url = new URL(value)
  if (url.username !== '' || url.password !== '') return err('the secret URL has user information')
  if (url.hash !== '') return err('the secret URL has a fragment, which is never sent')
  // `https://hooks.example/services/../../x` begins with the prefix and leads out of it.
  if (url.origin !== new URL(prefix).origin || !url.href.startsWith(prefix)) {
    return err('the secret URL leads out of its prefix')
  }
  return ok({ ...target, url: url.href })
}

// Null when the path leads into something that is not an object, or beyond the end of a list.
function withMember(node: Json, path: readonly string[], value: string): Json | null {
  const [name, ...rest] = path
  if (name === undefined) return value
  if (typeof node !== 'object' || node === null) return null
  if (isList(node)) {
    const index = /^(?:0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : -1
    const item = node[index]
    const changed = item === undefined ? null : withMember(item, rest, value)
    return changed === null ? null : node.map((one, at) => (at === index ? changed : one))
  }
  const member = Object.hasOwn(node, name) ? (node[name] ?? {}) : {}
  const changed = withMember(member, rest, value)
  return changed === null ? null : { ...node, [name]: changed }
}

function isList(node: Json): node is readonly Json[] {
  return Array.isArray(node)
}

function unescapePointer(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}
