import { canonicalize, type Json, type JsonObject, parseJson } from '@latchgate/protocol'

/** Every kind of record (notes/evidence 1). */
export const LEAF_TYPES = [
  'lease',
  'decision',
  'hold',
  'approval',
  'intent',
  'receipt',
  'unknown',
  'resolution',
  'revocation',
  'policy',
  'admin',
  'key_added',
  'key_retired',
  'key_revoked',
  'pruned',
  'summary',
] as const

/** Kind of a record. */
export type LeafType = (typeof LEAF_TYPES)[number]

/** One record of the log, before it is bytes (notes/evidence 1). */
export interface Leaf {
  readonly v: 1
  readonly type: LeafType
  /** Name of the log: the C2SP origin. A leaf of one log is nothing in another. */
  readonly log: string
  readonly id: string
  /** Time of the gate, `YYYY-MM-DDTHH:MM:SS.sssZ`. */
  readonly time: string
  /** The run of the gate that wrote it. */
  readonly gate: string
  readonly body: JsonObject
}

/** Largest encoded leaf, in bytes. */
export const MAX_LEAF_BYTES: number = 16 * 1024

/** A leaf that cannot be written, or bytes that are not a leaf. The message says what is wrong. */
export class LeafError extends Error {
  override readonly name = 'LeafError'
}

const TYPES: ReadonlySet<string> = new Set(LEAF_TYPES)
const MEMBERS = ['body', 'gate', 'id', 'log', 'time', 'type', 'v']
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const encoder = new TextEncoder()

/**
 * The JCS form of a leaf. Throws a LeafError for values that would not survive other JSON parsers
 * (floats, integers beyond 2^53 - 1, lone surrogates) and for more than 16 KiB.
 */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  assertLeaf(leaf as unknown as JsonObject)
  let text: string
  try {
    text = canonicalize(leaf as unknown as JsonObject)
  } catch (cause) {
    throw new LeafError(`not representable in JCS: ${(cause as Error).message}`, { cause })
  }
  const bytes = encoder.encode(text)
  if (bytes.length > MAX_LEAF_BYTES) throw tooLarge(bytes.length)
  return bytes
}

/**
 * Reads a stored leaf. Throws a LeafError unless the bytes are exactly the JCS form of a leaf: what
 * was hashed must have one reading only.
 */
export function parseLeaf(bytes: Uint8Array): Leaf {
  if (bytes.length > MAX_LEAF_BYTES) throw tooLarge(bytes.length)
  let value: Json
  try {
    value = parseJson(bytes)
  } catch (cause) {
    throw new LeafError(`not strict JSON: ${(cause as Error).message}`, { cause })
  }
  assertLeaf(value)
  const canonical = encoder.encode(canonicalize(value))
  if (canonical.length !== bytes.length || canonical.some((byte, i) => byte !== bytes[i])) {
    throw new LeafError('not in JCS form')
  }
  return value as unknown as Leaf
}

/** Throws a LeafError unless every number in the value is a safe integer (notes/evidence 1). */
export function assertLeafValue(value: Json, path: string): void {
  const bad = unsafeNumber(value)
  if (bad !== null) throw new LeafError(`${path}${bad.path}: ${bad.number} is no safe integer`)
}

// The path is put together only when something is wrong: this runs over every record.
function unsafeNumber(value: Json): { readonly path: string; readonly number: number } | null {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? null : { path: '', number: value }
  }
  if (value === null || typeof value !== 'object') return null
  const members = value as { readonly [member: string]: Json }
  for (const member of Object.keys(members)) {
    const inner = members[member]
    if (inner === undefined || typeof inner === 'string' || typeof inner === 'boolean') continue
    const bad = unsafeNumber(inner)
    if (bad !== null) return { path: `/${member}${bad.path}`, number: bad.number }
  }
  return null
}

function assertLeaf(value: Json): asserts value is JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new LeafError('a leaf is an object')
  }
  const leaf = value as JsonObject
  const unexpected = Object.keys(leaf).find((member) => !MEMBERS.includes(member))
  if (unexpected !== undefined) throw new LeafError(`unknown member '${unexpected}'`)
  if (leaf['v'] !== 1) throw new LeafError('v must be 1')
  const { type, time, body } = leaf
  if (typeof type !== 'string' || !TYPES.has(type)) {
    throw new LeafError(`unknown type '${String(type)}'`)
  }
  for (const member of ['log', 'id', 'gate']) {
    const text = leaf[member]
    if (typeof text !== 'string' || text === '') {
      throw new LeafError(`${member} must be a non-empty string`)
    }
  }
  if (typeof time !== 'string' || !TIME.test(time)) {
    throw new LeafError('time must be written as YYYY-MM-DDTHH:MM:SS.sssZ')
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new LeafError('body must be an object')
  }
  assertLeafValue(body as Json, '/body')
}

function tooLarge(length: number): LeafError {
  return new LeafError(`${length} bytes are more than the ${MAX_LEAF_BYTES} of a leaf`)
}
