import { type KeyObject, sign, verify } from 'node:crypto'
import { decodeBase64url } from '../base64url.js'
import { JsonFault } from '../json-fault.js'
import type { JsonObject } from '../json-value.js'
import { type JsonOptions, parseJson } from '../strict-json.js'

/** Characters of a token beyond which it is not looked at. */
export const MAX_TOKEN_LENGTH = 16_384

/** Bytes of an ES256 signature: `r || s` (RFC 7518 3.4). */
export const ES256_BYTES = 64

/** The three parts of a compact JWS (RFC 7515 3.1), as they stand in the token. */
export interface CompactJws {
  readonly header: string
  readonly payload: string
  readonly signature: string
  /** What the signature is over: header and payload with the dot between them. */
  readonly signed: string
}

/**
 * Splits a token at its first two dots; null when there are fewer, or it is too long to be one. A
 * further dot stays in the signature, which is then not base64url.
 */
export function splitCompactJws(token: string): CompactJws | null {
  if (token.length > MAX_TOKEN_LENGTH) return null
  const first = token.indexOf('.')
  const second = first < 0 ? -1 : token.indexOf('.', first + 1)
  if (second < 0) return null
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, second),
    signature: token.slice(second + 1),
    signed: token.slice(0, second),
  }
}

/** Why a part of a token is not a JSON object. */
export type PartFault = 'base64url' | 'json' | 'not_object'

/** Reads a header or payload: strict base64url of strict JSON, an object. */
export function readPart(part: string, options: JsonOptions = {}): JsonObject | PartFault {
  const bytes = decodeBase64url(part)
  if (bytes === null) return 'base64url'
  try {
    const value = parseJson(bytes, { maxDepth: 8, ...options })
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not_object'
    return value as JsonObject
  } catch (error) {
    if (error instanceof JsonFault) return 'json'
    throw error
  }
}

/** Signs header and payload texts with ES256; base64url of 64 bytes. */
export function signEs256(signed: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString(
    'base64url',
  )
}

/** Whether a 64-byte signature is good for these texts and this key. */
export function verifyEs256(signed: string, signature: Uint8Array, key: KeyObject): boolean {
  if (signature.length !== ES256_BYTES) return false
  return verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, signature)
}
