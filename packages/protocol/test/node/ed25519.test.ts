import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHex, encodeHex, isAcceptableEd25519Key } from '../../src/index.js'
import { Ed25519Signer, verifyEd25519 } from '../../src/node/index.js'
import { keyVectors } from './test-keys.js'

const hex = (text: string): Uint8Array => decodeHex(text)!
const signer = Ed25519Signer.fromSeed(hex(keyVectors.ed25519[0]!.seed!))
const message = new TextEncoder().encode('latchgate')

describe('vectors', () => {
  const seeded = keyVectors.ed25519.filter((vector) => vector.seed !== undefined)
  const signed = keyVectors.ed25519.filter((vector) => vector.signature !== undefined)

  test.each(seeded)('$name: the seed gives the key', (vector) => {
    const own = Ed25519Signer.fromSeed(hex(vector.seed!))
    expect(encodeHex(own.publicKey)).toBe(vector.public_key)
    expect(own.kid).toBe(vector.public_key.slice(0, 16))
  })

  test.each(signed)('$name: the signature is good', (vector) => {
    const args = [hex(vector.public_key), hex(vector.message!), hex(vector.signature!)] as const
    expect(verifyEd25519(...args)).toBe(true)
    expect(isAcceptableEd25519Key(args[0])).toBe(true)
  })

  test.each(signed.filter((vector) => seeded.includes(vector)))(
    '$name: we sign the same',
    (vector) => {
      const own = Ed25519Signer.fromSeed(hex(vector.seed!))
      expect(encodeHex(own.sign(hex(vector.message!)))).toBe(vector.signature)
    },
  )

  test.each(keyVectors.ed25519_refused)('the key $public_key is refused: $why', (vector) => {
    const key = hex(vector.public_key)
    expect(isAcceptableEd25519Key(key)).toBe(false)
    // R = identity, S = 0: what such a key would make good for some or every message.
    const forged = new Uint8Array(64)
    forged[0] = 1
    expect(verifyEd25519(key, message, forged)).toBe(false)
    expect(verifyEd25519(key, message, forged)).toBe(false)
  })
})

describe('signatures', () => {
  const signature = signer.sign(message)

  test('every flipped bit of signature, key or message is refused', () => {
    expect(verifyEd25519(signer.publicKey, message, signature)).toBe(true)
    const parts = [signer.publicKey, message, signature] as const
    parts.forEach((part, which) => {
      for (let bit = 0; bit < part.length * 8; bit++) {
        const mutant = Uint8Array.from(part)
        mutant[bit >> 3]! ^= 1 << (bit & 7)
        const args = parts.map((each, i) => (i === which ? mutant : each))
        expect([which, bit, verifyEd25519(args[0]!, args[1]!, args[2]!)]).toEqual([
          which,
          bit,
          false,
        ])
      }
    })
  })

  test('S + L is not another signature of the same message', () => {
    const L = 2n ** 252n + 27742317777372353535851937790883648493n
    let s = 0n
    for (let i = 63; i >= 32; i--) s = s * 256n + BigInt(signature[i]!)
    const mutant = Uint8Array.from(signature)
    let sum = s + L
    for (let i = 32; i < 64; i++) {
      mutant[i] = Number(sum & 255n)
      sum >>= 8n
    }
    expect(verifyEd25519(signer.publicKey, message, mutant)).toBe(false)
  })

  test('nothing of the wrong length passes or throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 70 }), (a, b) => {
        expect(verifyEd25519(a, message, b)).toBe(false)
        expect(verifyEd25519(signer.publicKey, message, b)).toBe(false)
      }),
    )
  })

  test('keys remembered are not mixed up, beyond the capacity of the memory too', () => {
    const signers = Array.from({ length: 300 }, () =>
      Ed25519Signer.fromSeed(Ed25519Signer.generateSeed()),
    )
    for (const each of [...signers, ...signers]) {
      expect(verifyEd25519(each.publicKey, message, each.sign(message))).toBe(true)
      expect(verifyEd25519(each.publicKey, message, signature)).toBe(false)
    }
  })

  test('changing the bytes of a key after its use does not change what is remembered', () => {
    const key = Uint8Array.from(signer.publicKey)
    expect(verifyEd25519(key, message, signature)).toBe(true)
    key[0]! ^= 1
    expect(verifyEd25519(key, message, signature)).toBe(false)
    expect(verifyEd25519(signer.publicKey, message, signature)).toBe(true)
  })
})

describe('seeds', () => {
  test.each([0, 31, 33, 64])('a seed of %i bytes is refused', (length) => {
    expect(() => Ed25519Signer.fromSeed(new Uint8Array(length))).toThrow(TypeError)
  })

  test('two seeds differ and the private key shows in no inspection', async () => {
    const { inspect } = await import('node:util')
    const seed = Ed25519Signer.generateSeed()
    expect(seed).toHaveLength(32)
    expect(Ed25519Signer.generateSeed()).not.toEqual(seed)
    const own = Ed25519Signer.fromSeed(seed)
    const shown = inspect(own, { depth: 9, showHidden: true }) + JSON.stringify(own)
    expect(shown).not.toContain(encodeHex(seed))
    expect(shown).not.toContain('PrivateKeyObject')
  })
})
