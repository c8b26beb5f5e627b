import { existsSync, readFileSync } from 'node:fs'
import type { ReceiptKeyEntry } from '@latchgate/protocol'
import { decodeHex, encodeBase64url, encodeHex, isoMillis } from '@latchgate/protocol'
import { StartupError } from '../config/posture.js'
import { replaceFile } from '../durable-file.js'

/** A public key that signs, or has signed, receipts. */
export interface RegisteredReceiptKey {
  readonly kid: string
  readonly publicKey: Uint8Array
  readonly addedAt: string
}

/**
 * The public history of receipt keys (spec/auth-and-evidence 17.3), with the current key appended.
 * A file that does not parse stops the start: replacing it would lose every former key.
 */
export function loadReceiptKeys(
  path: string | undefined,
  current: { readonly kid: string; readonly publicKey: Uint8Array },
  nowMs: number,
): readonly RegisteredReceiptKey[] {
  const added = { ...current, addedAt: isoMillis(nowMs) }
  if (path === undefined) return [added]
  const known = readReceiptKeys(path)
  if (isRegistered(path, known, current)) return known
  const keys = [...known, added]
  writeRegistry(path, keys)
  return keys
}

/** The keys of the file, none when there is no file yet. Writes nothing. */
export function readReceiptKeys(path: string): readonly RegisteredReceiptKey[] {
  return existsSync(path) ? parseRegistry(path, readFileSync(path, 'utf8')) : []
}

/** Whether the key is among them. Throws `StartupError` when another one has its `kid`. */
export function isRegistered(
  path: string,
  known: readonly RegisteredReceiptKey[],
  current: Pick<RegisteredReceiptKey, 'kid' | 'publicKey'>,
): boolean {
  const same = known.find((key) => key.kid === current.kid)
  if (same === undefined) return false
  // `kid` is a prefix of the key: two keys with one prefix must not stand for each other.
  if (encodeHex(same.publicKey) === encodeHex(current.publicKey)) return true
  throw new StartupError('signing_key_failed', `${path}: another key has the kid ${current.kid}`)
}

/** The wire form of a key: `x_hex` of the reference, and the standard member `x`. */
export function receiptKeyEntry(key: RegisteredReceiptKey): ReceiptKeyEntry {
  return {
    kid: key.kid,
    x_hex: encodeHex(key.publicKey),
    x: encodeBase64url(key.publicKey),
    kty: 'OKP',
    crv: 'Ed25519',
    alg: 'EdDSA',
    added_at: key.addedAt,
    use: 'sig',
  }
}

function parseRegistry(path: string, text: string): readonly RegisteredReceiptKey[] {
  const bad = (why: string): StartupError =>
    new StartupError('signing_key_failed', `${path} is not a receipt key registry: ${why}`)
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw bad(String(cause))
  }
  const keys = (document as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) throw bad('no `keys` array')
  return keys.map((entry: unknown, i) => {
    const { kid, x_hex: hex, added_at: addedAt } = (entry ?? {}) as Record<string, unknown>
    const publicKey = typeof hex === 'string' ? decodeHex(hex) : null
    if (publicKey?.length !== 32) throw bad(`keys[${i}].x_hex is not 32 bytes of hex`)
    if (typeof kid !== 'string' || typeof addedAt !== 'string') {
      throw bad(`keys[${i}] needs the strings \`kid\` and \`added_at\``)
    }
    return { kid, publicKey, addedAt }
  })
}

function writeRegistry(path: string, keys: readonly RegisteredReceiptKey[]): void {
  const text = `${JSON.stringify({ keys: keys.map(receiptKeyEntry) }, null, 2)}\n`
  replaceFile(path, Buffer.from(text))
}
