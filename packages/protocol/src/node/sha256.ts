import { createHash } from 'node:crypto'
import type { Sha256 } from '../ids.js'
import { canonicalize } from '../jcs.js'
import type { Json } from '../json-value.js'

/** SHA-256; a string is hashed as UTF-8. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return createHash('sha256').update(data).digest()
}

/** SHA-256 as 64 lower-case hex characters. */
export function sha256Hex(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}

/** The digest of bytes as the wire writes it: `sha256:` and hex (auth spec 2.2). */
export function digestBytes(bytes: Uint8Array): Sha256 {
  return `sha256:${sha256Hex(bytes)}` as Sha256
}

/** The digest of a JSON value: of its canonical form (RFC 8785). */
export function digest(json: Json): Sha256 {
  return `sha256:${sha256Hex(canonicalize(json))}` as Sha256
}
