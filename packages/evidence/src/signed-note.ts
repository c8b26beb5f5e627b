import { decodeHex, encodeHex, isAcceptableEd25519Key } from '@latchgate/protocol'
import { concatBytes, decodeBase64, encodeBase64, equalBytes } from './byte-strings.js'
import type { EvidenceCrypto } from './crypto.js'

/** A note or verifier key that is malformed, or a note that no given key has signed. */
export class NoteError extends Error {
  override readonly name = 'NoteError'
}

/** A public key that notes are checked with (C2SP signed-note). */
export interface NoteVerifier {
  readonly name: string
  /** First four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ publicKey)`. */
  readonly keyId: Uint8Array
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
}

/** A key that notes are signed with. */
export interface NoteSigner extends NoteVerifier {
  /** Ed25519 signature of the message, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** One signature line, not yet checked. */
export interface NoteSignature {
  readonly name: string
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

/** A note taken apart. The text means nothing before a trusted key has verified it. */
export interface SignedNote {
  /** With its final newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

const ED25519 = 0x01
const MAX_NOTE_CHARS = 1_000_000
const MAX_SIGNATURES = 64
const encoder = new TextEncoder()

/**
 * The key id of an Ed25519 key (C2SP signed-note, "Ed25519 signatures"). Throws a NoteError for a
 * bad name, and for a small-order or non-canonical key (notes/evidence 5).
 */
export function noteVerifier(
  crypto: EvidenceCrypto,
  name: string,
  publicKey: Uint8Array,
): NoteVerifier {
  if (!isKeyName(name)) {
    throw new NoteError(`'${name}' is not a key name: no spaces, no '+', not empty`)
  }
  if (publicKey.length !== 32) throw new NoteError('an Ed25519 public key has 32 bytes')
  // A small-order key is good for any message: whoever is given one is given no key.
  if (!isAcceptableEd25519Key(publicKey)) {
    throw new NoteError('the Ed25519 public key is of small order, or not in its canonical form')
  }
  const keyId = crypto
    .sha256(concatBytes(encoder.encode(`${name}\n`), Uint8Array.of(ED25519), publicKey))
    .slice(0, 4)
  return { name, keyId, publicKey }
}

/** Writes a verifier key: `name+hex(keyId)+base64(0x01 ‖ publicKey)` (notes/evidence 5). */
export function formatVkey(crypto: EvidenceCrypto, name: string, publicKey: Uint8Array): string {
  const { keyId } = noteVerifier(crypto, name, publicKey)
  const key = encodeBase64(concatBytes(Uint8Array.of(ED25519), publicKey))
  return `${name}+${encodeHex(keyId)}+${key}`
}

/** Reads a verifier key. Throws a NoteError for anything but an Ed25519 key with its own key id. */
export function parseVkey(crypto: EvidenceCrypto, vkey: string): NoteVerifier {
  // The base64 of a key may contain '+' itself.
  const [name, id, ...rest] = vkey.split('+')
  const keyId = id === undefined ? null : decodeHex(id)
  const key = decodeBase64(rest.join('+'))
  if (name === undefined || keyId?.length !== 4 || key === null) {
    throw new NoteError('a verifier key is written name+keyid+key')
  }
  if (key[0] !== ED25519 || key.length !== 33) {
    throw new NoteError('only Ed25519 verifier keys (type 1) are supported')
  }
  const verifier = noteVerifier(crypto, name, key.slice(1))
  if (!equalBytes(verifier.keyId, keyId)) {
    throw new NoteError('the key id does not belong to this name and key')
  }
  return verifier
}

/** Signs a text, which must end in a newline. Throws a NoteError for a text no note can carry. */
export function signNote(text: string, signer: NoteSigner): string {
  assertNoteText(text)
  const signature = concatBytes(signer.keyId, signer.sign(encoder.encode(text)))
  return `${text}\n— ${signer.name} ${encodeBase64(signature)}\n`
}

/** Takes a note apart without checking signatures. Throws a NoteError for a malformed one. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_CHARS) throw new NoteError('the note is too long')
  assertNoteText(note)
  const split = note.lastIndexOf('\n\n')
  if (split < 0) throw new NoteError('the note has no signatures')
  const text = note.slice(0, split + 1)
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new NoteError('the note has too many signatures')
  return { text, signatures: lines.map(parseSignature) }
}

/**
 * Returns the text of a note that `verifier` has signed. Signatures of other keys are ignored; a
 * wrong signature that claims to be of this key rejects the note (C2SP signed-note, "Signatures").
 */
export function openNote(crypto: EvidenceCrypto, note: string, verifier: NoteVerifier): string {
  const { text, signatures } = parseNote(note)
  const own = signatures.filter(
    (one) => one.name === verifier.name && equalBytes(one.keyId, verifier.keyId),
  )
  if (own.length === 0) throw new NoteError(`the note is not signed by ${verifier.name}`)
  const message = encoder.encode(text)
  for (const { signature } of own) {
    if (!crypto.verifyEd25519(verifier.publicKey, message, signature)) {
      throw new NoteError(`the signature of ${verifier.name} is wrong`)
    }
  }
  return text
}

function parseSignature(line: string): NoteSignature {
  const match = /^— ([^ ]+) ([^ ]+)$/.exec(line)
  const [, name, encoded] = match ?? []
  if (name === undefined || encoded === undefined || !isKeyName(name)) {
    throw new NoteError('malformed signature line')
  }
  const bytes = decodeBase64(encoded)
  if (bytes === null || bytes.length < 5) throw new NoteError('malformed signature')
  return { name, keyId: bytes.slice(0, 4), signature: bytes.slice(4) }
}

function assertNoteText(text: string): void {
  if (!text.endsWith('\n')) throw new NoteError('a note ends in a newline')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\x00-\x09\x0b-\x1f]/.test(text)) throw new NoteError('control character in a note')
  if (!text.isWellFormed()) throw new NoteError('a note is valid UTF-8')
}

function isKeyName(name: string): boolean {
  return name !== '' && !/[\s+\u0085]/u.test(name) && name.isWellFormed()
}
