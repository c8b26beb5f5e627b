import { decodeBase64, encodeBase64 } from './byte-strings.js'
import type { EvidenceCrypto } from './crypto.js'
import { HASH_BYTES, isTreeNumber } from './merkle-tree.js'
import {
  NoteError,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseNote,
  parseVkey,
  signNote,
} from './signed-note.js'

/** The state of a log at one size (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Name of the log. */
  readonly origin: string
  /** Number of leaves. */
  readonly size: number
  /** Merkle tree hash, 32 bytes. */
  readonly root: Uint8Array
}

/** The note text of a checkpoint. Throws a NoteError for an origin with a line break in it. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root } = checkpoint
  if (origin === '' || origin.includes('\n')) throw new NoteError('an origin is one line')
  if (!isTreeNumber(size) || root.length !== HASH_BYTES) throw new NoteError('no tree head')
  return `${origin}\n${size}\n${encodeBase64(root)}\n`
}

/** Signs a checkpoint as a C2SP note. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  return signNote(formatCheckpoint(checkpoint), signer)
}

/**
 * Reads a checkpoint's text. Extension lines are allowed and ignored. Throws a NoteError for a size
 * with leading zeros, a root that is no hash, or an empty line.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n')
  const [origin, sizeText, rootText] = lines
  if (lines.length < 4 || lines.pop() !== '' || lines.includes('')) {
    throw new NoteError('a checkpoint has three non-empty lines or more')
  }
  if (origin === undefined || sizeText === undefined || rootText === undefined) {
    throw new NoteError('a checkpoint has origin, size and root')
  }
  const size = /^(0|[1-9]\d*)$/.test(sizeText) ? Number(sizeText) : Number.NaN
  if (!isTreeNumber(size)) throw new NoteError(`'${sizeText}' is not a tree size`)
  const root = decodeBase64(rootText)
  if (root?.length !== HASH_BYTES) throw new NoteError('the root is not a SHA-256 hash')
  return { origin, size, root }
}

/** What an unverified note says of itself: for error messages, and to find the log it belongs to. */
export function claimedCheckpoint(note: string): Checkpoint {
  return parseCheckpoint(parseNote(note).text)
}

/**
 * A checkpoint that the key has signed. Throws a NoteError when the note is malformed, not signed
 * by it, or signed for a log of another name.
 */
export function verifyCheckpoint(
  crypto: EvidenceCrypto,
  note: string,
  key: string | NoteVerifier,
): Checkpoint {
  const verifier = typeof key === 'string' ? parseVkey(crypto, key) : key
  const checkpoint = parseCheckpoint(openNote(crypto, note, verifier))
  // One key may serve several logs of one operator only under different names (C2SP signed-note).
  if (checkpoint.origin !== verifier.name) {
    throw new NoteError(`a checkpoint of '${checkpoint.origin}' signed as '${verifier.name}'`)
  }
  return checkpoint
}
