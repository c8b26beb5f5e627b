import { createHash, createHmac } from 'node:crypto'
import { err, ok, type Result } from '@latchgate/protocol'
import { percentEncode } from './percent-encoding.js'

/** A request as it will be sent, and the credentials to sign it with. */
export interface Sigv4Request {
  readonly method: string
  /** WHATWG href. */
  readonly url: string
  /** Every one of them is signed. Lower-case names; `host` and the `x-amz-*` of signing are added. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
  readonly service: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** Unix milliseconds. */
  readonly now: number
}

/** S3 and its relatives encode a path once, keep it as it is, and want the hash of the body named. */
const S3_SERVICES: readonly string[] = ['s3', 's3-outposts', 's3-object-lambda', 's3express']

/** The headers to add, and the signature that is in one of them. */
export interface Sigv4Signature {
  readonly headers: readonly (readonly [string, string])[]
  readonly signature: string
}

/**
 * The headers that sign a request by AWS Signature Version 4: `x-amz-date`, for S3
 * `x-amz-content-sha256`, with a session token `x-amz-security-token`, and `authorization`. The
 * error says what cannot be signed and quotes nothing of the request.
 */
export function signSigv4(request: Sigv4Request): Result<Sigv4Signature, string> {
  const url = new URL(request.url)
  const isS3 = S3_SERVICES.includes(request.service)
  const path = canonicalPath(url.pathname, isS3)
  const query = canonicalQuery(url.search)
  if (path === null || query === null) return err('the URL has a percent sign that encodes nothing')
  const date = new Date(request.now).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const payloadHash = sha256Hex(request.body ?? new Uint8Array())
  const added: (readonly [string, string])[] = [['x-amz-date', date]]
  if (isS3) added.push(['x-amz-content-sha256', payloadHash])
  if (request.sessionToken !== undefined) {
    added.push(['x-amz-security-token', request.sessionToken])
  }
  const signed = canonicalHeaders([['host', url.host], ...request.headers, ...added])
  const names = [...signed.keys()].join(';')
  const lines = [...signed].map(([name, value]) => `${name}:${value}\n`).join('')
  const canonical = [request.method, path, query, lines, names, payloadHash].join('\n')
  const scope = [date.slice(0, 8), request.region, request.service, 'aws4_request']
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256Hex(canonical)].join('\n')
  const key = scope.reduce<string | Uint8Array>(hmac, `AWS4${request.secretAccessKey}`)
  const signature = Buffer.from(hmac(key, toSign)).toString('hex')
  const credential = `${request.accessKeyId}/${scope.join('/')}`
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`
  return ok({ headers: [...added, ['authorization', authorization]], signature })
}

function canonicalHeaders(
  headers: readonly (readonly [string, string])[],
): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of headers) {
    const trimmed = value.trim().replace(/ +/g, ' ')
    const before = values.get(name)
    values.set(name, before === undefined ? trimmed : `${before},${trimmed}`)
  }
  return new Map([...values].sort(([a], [b]) => compare(a, b)))
}

// Outside S3 the encoded path is normalised and encoded a second time.
function canonicalPath(pathname: string, isS3: boolean): string | null {
  if (!isS3) {
    const path = pathname.split('/').filter((segment) => segment !== '')
    const end = path.length > 0 && pathname.endsWith('/') ? '/' : ''
    return `/${path.map(percentEncode).join('/')}${end}`
  }
  const segments = pathname.split('/').map(decode)
  return segments.includes(null) ? null : segments.map((one) => percentEncode(one ?? '')).join('/')
}

function canonicalQuery(search: string): string | null {
  if (search.length < 2) return ''
  const pairs: (readonly [string, string])[] = []
  for (const pair of search.slice(1).split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    // A service reads `+` as a space, so a space is what it signs.
    const [name, value] = (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]).map(
      (text) => decode(text.replaceAll('+', ' ')),
    )
    if (typeof name !== 'string' || typeof value !== 'string') return null
    pairs.push([percentEncode(name), percentEncode(value)])
  }
  pairs.sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function decode(text: string): string | null {
  // What `decodeURIComponent` would throw on: a bare percent sign, or bytes that are not UTF-8.
  const bytes = Buffer.from(
    text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  )
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return null
  const decoded = bytes.toString('utf8')
  return Buffer.from(decoded, 'utf8').equals(bytes) ? decoded : null
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function hmac(key: string | Uint8Array, data: string): Uint8Array {
  return createHmac('sha256', key).update(data, 'utf8').digest()
}

function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
