import type { SecretInjection, Target } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'
import { placeInHeader } from './places.js'
import type { InjectedSecret } from './port.js'
import { signSigv4 } from './sigv4.js'

/** A request with its secrets in it. It goes to the HTTP client and nowhere else. */
export interface Injection {
  readonly target: Target
  readonly injected: readonly InjectedSecret[]
  /**
   * What was made of the secrets and is as good as they are, to be searched for in the response as
   * well: a Basic blob, a signature, a value as it was escaped for its place. The values themselves
   * are not in it.
   */
  readonly derived: readonly string[]
}

/** Values of a secret and of its parts, by the role that each has. */
export interface Revealed {
  readonly value: string
  /** User of Basic, or access key id; empty when the injection has neither. */
  readonly part: string
  /** Session token, or null. */
  readonly token: string | null
}

/** Headers that a signature covers, besides `host` and those of signing itself. */
const SIGNED_HEADERS = /^(?:content-type|content-md5|date|range|x-amz-.+)$/

/** Headers that signing sets; whatever the request had in them goes. */
const SIGNING_HEADERS: readonly string[] = [
  'authorization',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
]

/** HTTP Basic (RFC 7617), UTF-8: the secret is the password. */
export function placeBasic(
  target: Target,
  name: string,
  { user }: Extract<SecretInjection, { kind: 'basic' }>,
  { value, part }: Revealed,
): Result<Injection, string> {
  const userName = 'secret' in user ? part : user.text
  // RFC 7617 2: everything behind the first colon is the password.
  if (userName.includes(':')) return err('the user of Basic has a colon in it')
  const blob = Buffer.from(`${userName}:${value}`, 'utf8').toString('base64')
  const placed = placeInHeader(target, 'authorization', `Basic ${blob}`)
  if (!placed.ok) return placed
  const into = 'header:authorization'
  const parts = 'secret' in user ? [{ name: user.secret, into }] : []
  return ok({ target: placed.value, injected: [{ name, into }, ...parts], derived: [blob] })
}

/** AWS Signature Version 4; `now` in Unix milliseconds. */
export function placeSignature(
  target: Target,
  name: string,
  inject: Extract<SecretInjection, { kind: 'sigv4' }>,
  { value, part, token }: Revealed,
  now: number,
): Result<Injection, string> {
  const headers = target.headers.filter(([header]) => !SIGNING_HEADERS.includes(header))
  const signed = signSigv4({
    method: target.method,
    url: target.url,
    headers: headers.filter(([header]) => SIGNED_HEADERS.test(header)),
    body: target.body,
    service: inject.service,
    region: inject.region,
    accessKeyId: part,
    secretAccessKey: value,
    ...(token === null ? {} : { sessionToken: token }),
    now,
  })
  if (!signed.ok) return signed
  let placed: Result<Target, string> = ok({ ...target, headers })
  for (const [header, text] of signed.value.headers) {
    if (placed.ok) placed = placeInHeader(placed.value, header, text)
  }
  if (!placed.ok) return placed
  const tokenName = token === null ? undefined : inject.session_token
  return ok({
    target: placed.value,
    injected: [
      { name, into: 'header:authorization' },
      { name: inject.access_key_id, into: 'header:authorization' },
      ...(tokenName === undefined
        ? []
        : [{ name: tokenName, into: 'header:x-amz-security-token' }]),
    ],
    // Valid for a quarter of an hour, and for whoever holds it.
    derived: [signed.value.signature],
  })
}
