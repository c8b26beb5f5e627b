import type { Brand } from './brand.js'

/** One call, from its arrival to its answer: a UUIDv7 (auth spec 2.1). */
export type TraceId = Brand<string, 'TraceId'>
/** One permission to execute once: a UUIDv7. */
export type GrantId = Brand<string, 'GrantId'>
/** One receipt: a UUIDv7. */
export type ReceiptId = Brand<string, 'ReceiptId'>
/** A lease and its renewals: a UUIDv7. */
export type SessionId = Brand<string, 'SessionId'>
/** One lease token: a UUIDv7. */
export type LeaseJti = Brand<string, 'LeaseJti'>
/** One held call: a UUIDv7. */
export type ApprovalId = Brand<string, 'ApprovalId'>
/** A digest as the wire writes it: `sha256:` and 64 lower-case hex characters (auth spec 2.2). */
export type Sha256 = Brand<string, 'Sha256'>

const SHA256 = /^sha256:[0-9a-f]{64}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether `text` is a digest in wire form. */
export function isSha256(text: string): text is Sha256 {
  return SHA256.test(text)
}

/** Whether `text` is a UUID in the lower-case hyphenated form of RFC 9562, any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
