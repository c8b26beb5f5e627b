import { Ed25519Signer } from '@latchgate/protocol/node'
import { describe, expect, test } from 'vitest'
import {
  claimedCheckpoint,
  formatCheckpoint,
  formatVkey,
  NoteError,
  type NoteSigner,
  noteVerifier,
  openNote,
  parseCheckpoint,
  parseNote,
  parseVkey,
  signCheckpoint,
  signNote,
  verifyCheckpoint,
} from '../src/index.js'
import { bytesOf, crypto, hex, loadVectors, utf8 } from './fixtures.js'

interface Vectors {
  readonly vkeys: readonly Record<'vkey' | 'name' | 'key_id' | 'public_key', string>[]
  readonly invalid_vkeys: readonly Record<'name' | 'vkey', string>[]
  readonly signers: readonly Record<'name' | 'seed', string>[]
  readonly notes: readonly Record<'name' | 'vkey' | 'text' | 'note', string>[]
  readonly unverified_notes: readonly {
    readonly name: string
    readonly text: string
    readonly signers: readonly string[]
    readonly note: string
  }[]
  readonly invalid_notes: readonly Record<'name' | 'vkey' | 'note', string>[]
  readonly checkpoints: readonly {
    readonly text: string
    readonly origin: string
    readonly size: number
    readonly root: string
  }[]
  readonly invalid_checkpoints: readonly Record<'name' | 'text', string>[]
  readonly wrong_origin: Record<'vkey' | 'note', string>
}

const vectors = loadVectors<Vectors>('signed-notes')

function signerOf(name: string): NoteSigner {
  const seed = vectors.signers.find((one) => one.name === name)!.seed
  const signer = Ed25519Signer.fromSeed(bytesOf(seed))
  return {
    ...noteVerifier(crypto, name, signer.publicKey),
    sign: (message) => signer.sign(message),
  }
}

describe('verifier keys', () => {
  test.each(vectors.vkeys)('$vkey is read and written back', (vector) => {
    const { vkey, name, key_id, public_key } = vector
    const verifier = parseVkey(crypto, vkey)
    expect([verifier.name, hex(verifier.keyId), hex(verifier.publicKey)]).toEqual([
      name,
      key_id,
      public_key,
    ])
    expect(formatVkey(crypto, name, bytesOf(public_key))).toBe(vkey)
  })

  test.each(vectors.invalid_vkeys)('refused: $name', ({ vkey }) => {
    expect(() => parseVkey(crypto, vkey)).toThrow(NoteError)
  })

  test('no part of a verifier key is one, and none with one character changed', () => {
    const vkey = vectors.vkeys[0]!.vkey
    for (let begin = 0; begin < vkey.length; begin += 1) {
      for (let end = begin + 1; end <= vkey.length; end += 1) {
        if (begin === 0 && end === vkey.length) continue
        expect(() => parseVkey(crypto, vkey.slice(begin, end))).toThrow(NoteError)
      }
    }
    for (let at = 0; at < vkey.length; at += 1) {
      const next = String.fromCharCode(vkey.charCodeAt(at) + 1)
      const changed = vkey.slice(0, at) + next + vkey.slice(at + 1)
      expect(() => parseVkey(crypto, changed), changed).toThrow(NoteError)
    }
  })
})

describe('notes', () => {
  test.each(vectors.notes)('opened: $name', ({ vkey, text, note }) => {
    expect(openNote(crypto, note, parseVkey(crypto, vkey))).toBe(text)
  })

  test('the published note is written byte for byte', () => {
    const [published] = vectors.notes
    expect(signNote(published!.text, signerOf('PeterNeumann'))).toBe(published!.note)
  })

  test.each(vectors.unverified_notes)('taken apart: $name', ({ note, text, signers }) => {
    const parsed = parseNote(note)
    expect(parsed.text).toBe(text)
    expect(parsed.signatures.map((one) => one.name)).toEqual(signers)
    expect(parsed.signatures.map((one) => one.signature.length)).toEqual([64])
  })

  test.each(vectors.invalid_notes)('refused: $name', ({ vkey, note }) => {
    expect(() => openNote(crypto, note, parseVkey(crypto, vkey))).toThrow(NoteError)
  })

  test('16 signatures are accepted', () => {
    const [published] = vectors.notes
    const { text, note, vkey } = published!
    const line = note.slice(text.length + 1)
    expect(openNote(crypto, note + line.repeat(15), parseVkey(crypto, vkey))).toBe(text)
  })

  test('texts that no note can carry are not signed', () => {
    const signer = signerOf('PeterNeumann')
    for (const text of ['', 'no newline', 'a\tb\n', 'a\0\n', '\ud800\n']) {
      expect(() => signNote(text, signer), JSON.stringify(text)).toThrow(NoteError)
    }
  })
})

describe('checkpoints', () => {
  test.each(vectors.checkpoints)('read: $origin of $size', ({ text, origin, size, root }) => {
    const checkpoint = parseCheckpoint(text)
    expect({ ...checkpoint, root: hex(checkpoint.root) }).toEqual({ origin, size, root })
    const written = formatCheckpoint(checkpoint)
    expect(text.startsWith(written)).toBe(true)
  })

  test.each(vectors.invalid_checkpoints)('refused: $name', ({ text }) => {
    expect(() => parseCheckpoint(text)).toThrow(NoteError)
  })

  test('a signed one is what the vectors say, and is verified by vkey and by key', () => {
    const { note, vkey, text } = vectors.notes[1]!
    const signer = signerOf('gate.example.com/prod')
    const checkpoint = parseCheckpoint(text)
    expect(signCheckpoint(checkpoint, signer)).toBe(note)
    expect(verifyCheckpoint(crypto, note, vkey)).toEqual(checkpoint)
    expect(verifyCheckpoint(crypto, note, signer)).toEqual(checkpoint)
    expect(claimedCheckpoint(note)).toEqual(checkpoint)
  })

  test('a checkpoint of another log under the right signature is refused', () => {
    const { note, vkey } = vectors.wrong_origin
    expect(() => openNote(crypto, note, parseVkey(crypto, vkey))).not.toThrow()
    expect(() => verifyCheckpoint(crypto, note, vkey)).toThrow(/signed as 'gate.example.com\/prod'/)
  })

  test('what is no tree head is not written', () => {
    const good = { origin: 'a', size: 1, root: new Uint8Array(32) }
    expect(formatCheckpoint(good)).toMatch(/^a\n1\n/)
    for (const changed of [
      { origin: '' },
      { origin: 'a\nb' },
      { size: -1 },
      { size: 0.5 },
      { root: utf8('short') },
    ]) {
      expect(() => formatCheckpoint({ ...good, ...changed })).toThrow(NoteError)
    }
  })
})
