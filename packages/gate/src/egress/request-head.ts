import { isHostOwned } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'
import type { EgressRequest } from './port.js'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const SENDABLE = /^[\t -~\u0080-\u{10ffff}]*$/u
const ASCII = /^[\t -~]*$/

// CONNECT would make a tunnel out of the connection; the other two send credentials back.
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])

/** Method and header list as they will be sent. */
export interface RequestHead {
  readonly method: string
  /** Name, value, name, value, … */
  readonly headers: string[]
}

/**
 * Checks the method and builds the header list: the request's own headers without those that the
 * host owns (framing, routing, hop-by-hop, coding), then the host's (actions spec 11.8).
 */
export function requestHead(
  request: Pick<EgressRequest, 'method' | 'headers'>,
): Result<RequestHead, string> {
  const { method } = request
  if (!TOKEN.test(method)) return err('the method is not an HTTP token')
  if (REFUSED_METHODS.has(method.toUpperCase())) return err(`method ${method} is not allowed`)
  const headers: string[] = []
  const names = new Set<string>()
  for (const [name, value] of request.headers) {
    if (!TOKEN.test(name)) return err('a header name is not an HTTP token')
    const lower = name.toLowerCase()
    // A caller that sets one could smuggle a second request, or reach another virtual host.
    if (isHostOwned(lower)) continue
    const wire = fieldValue(value)
    if (wire === null) return err(`header ${lower} has a value that cannot be sent`)
    names.add(lower)
    headers.push(name, wire)
  }
  if (!names.has('user-agent')) headers.push('user-agent', 'latchgate/0.3')
  if (!names.has('accept')) headers.push('accept', '*/*')
  // A range of a compressed body cannot be decoded.
  headers.push('accept-encoding', names.has('range') ? 'identity' : 'gzip, deflate, br')
  return ok({ method, headers })
}

// The client writes header strings byte for byte (latin1); other text goes out as UTF-8.
function fieldValue(value: string): string | null {
  if (ASCII.test(value)) return value
  if (!SENDABLE.test(value) || !value.isWellFormed()) return null
  return Buffer.from(value, 'utf8').toString('latin1')
}
