import type { Target } from './target.js'

/**
 * The argument of the `http_api` module for a target: compact JSON, the body as base64 so that its
 * exact bytes survive. `timeoutMs` in milliseconds.
 */
export function providerInput(target: Target, timeoutMs: number): string {
  return JSON.stringify({
    url: target.url,
    method: target.method,
    headers: Object.fromEntries(target.headers),
    body_base64: target.body === null ? null : encodeBase64(target.body),
    timeout_ms: timeoutMs,
  })
}

// `String.fromCharCode` takes its bytes as arguments, and a call has room for a limited number.
const CHUNK = 8192

function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  }
  return btoa(binary)
}
