import { createHmac, type KeyObject, sign } from 'node:crypto'

/** A JSON object, or the very text that is to stand in its place. */
export type Part = Readonly<Record<string, unknown>> | string

/** What a forger changes about the signature. */
export interface Signing {
  readonly key: KeyObject
  /** Default ES256 as JOSE has it; `der` is the other encoding, `none` is no signature at all. */
  readonly form?: 'jose' | 'der' | 'none'
  /** A MAC with this as its key, in place of a signature. */
  readonly mac?: string
}

/** Signs header and payload as they are given: whatever is wrong with them stays wrong. */
export function compactJws(header: Part, payload: Part, signing: Signing): string {
  const input = `${encode(header)}.${encode(payload)}`
  if (signing.form === 'none') return `${input}.`
  if (signing.mac !== undefined) {
    return `${input}.${createHmac('sha256', signing.mac).update(input).digest('base64url')}`
  }
  const dsaEncoding = signing.form === 'der' ? 'der' : 'ieee-p1363'
  const signature = sign('sha256', Buffer.from(input), { key: signing.key, dsaEncoding })
  return `${input}.${signature.toString('base64url')}`
}

/** The payload of a token, not verified. */
export function payloadOf(token: string): Record<string, unknown> {
  const part = token.split('.')[1] ?? ''
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
}

function encode(part: Part): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}
