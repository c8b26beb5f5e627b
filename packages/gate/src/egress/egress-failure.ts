import { errors } from 'undici'
import type { EgressErrorType, EgressResult } from './port.js'

/** Why there is no usable response. Names hosts, addresses and error codes only. */
export interface EgressFailure {
  readonly type: EgressErrorType
  readonly message: string
}

/** A result for a request of which no byte was handed to a socket. */
export function notSent(failure: EgressFailure, address: string | null = null): EgressResult {
  return {
    outcome: 'not_sent',
    address,
    certificateSha256: null,
    status: null,
    response: null,
    error: failure,
  }
}

/** What went wrong before a connection to `ip:port` stood. */
export function connectFailure(error: unknown, host: string, address: string): EgressFailure {
  const code = errorCode(error)
  const what =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? `the certificate of ${address} is not for ${host}`
      : `cannot connect to ${host} at ${address} (${code})`
  return { type: 'upstream_unreachable', message: what }
}

/** What went wrong on an established connection. `headerLimit` is in bytes. */
export function exchangeFailure(error: unknown, host: string, headerLimit: number): EgressFailure {
  const code = errorCode(error)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    const message = `the header block of ${host} is longer than ${headerLimit} bytes`
    return { type: 'response_too_large', message }
  }
  return { type: 'upstream_protocol', message: exchangeProblem(error, code, host) }
}

function exchangeProblem(error: unknown, code: string, host: string): string {
  if (error instanceof errors.HTTPParserError) {
    return `the answer of ${host} is not HTTP/1.1${parserReason(error.message)}`
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return `the answer of ${host} is not as long as its Content-Length`
  }
  if (code === 'UND_ERR_SOCKET') {
    const text = error instanceof Error ? error.message : ''
    return text === 'bad response' || text === 'bad upgrade'
      ? `${host} sent an answer that was not asked for`
      : `${host} closed the connection before its answer was complete`
  }
  return `the connection to ${host} broke before its answer was complete (${code})`
}

// The parser's reasons are its own words and quote nothing: ` (Invalid header token)`.
function parserReason(message: string): string {
  return (
    /^Response does not match the HTTP\/1\.1 protocol( \([ -~]{1,80}\))$/.exec(message)?.[1] ?? ''
  )
}

/**
 * The error's code, if it looks like one. Messages are never passed on: those of TLS quote the
 * peer's certificate, those of the parser its bytes.
 */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'no error code'
}
