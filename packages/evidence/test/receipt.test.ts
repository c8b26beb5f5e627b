import type { Json, JsonObject } from '@latchgate/protocol'
import { Ed25519Signer, sha256 } from '@latchgate/protocol/node'
import oracle from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalReceipt,
  checkReceipt,
  commit,
  encodeLeaf,
  type Payload,
  parseLeaf,
  type Receipt,
  type ReceiptCheck,
  receiptSigningBytes,
  resultHash,
  signReceipt,
  type UnsignedReceipt,
} from '../src/index.js'
import { bytesOf, crypto, hex, loadVectors, utf8 } from './fixtures.js'

interface PayloadVector {
  readonly salt: string
  readonly bytes: string
}

interface Vectors {
  readonly keys: readonly {
    readonly kid: string
    readonly seed?: string
    readonly public_key: string
  }[]
  readonly receipts: readonly {
    readonly name: string
    readonly receipt: Receipt
    readonly result_hash_input: string
    readonly signing_bytes: string
    readonly payload: PayloadVector | null
  }[]
  readonly checks: readonly {
    readonly name: string
    readonly receipt: Receipt
    readonly key: string | null
    readonly payload: PayloadVector | null
    readonly expected: ReceiptCheck
  }[]
}

const vectors = loadVectors<Vectors>('receipts')
const key = vectors.keys[0]!
const signer = Ed25519Signer.fromSeed(bytesOf(key.seed!))
const good = vectors.receipts[0]!.receipt
const failed = vectors.receipts[1]!.receipt
const publicKey = bytesOf(key.public_key)

const payloadOf = (vector: PayloadVector | null): Payload | undefined =>
  vector === null ? undefined : { salt: bytesOf(vector.salt), bytes: bytesOf(vector.bytes) }

function unsigned(receipt: Receipt): UnsignedReceipt {
  const { result_hash: _r, signing_key_id: _k, receipt_signature: _s, ...rest } = receipt
  return rest as unknown as UnsignedReceipt
}

describe('vectors', () => {
  test('the seed is that of the key, and its kid the first 16 digits', () => {
    expect(hex(signer.publicKey)).toBe(key.public_key)
    expect(signer.kid).toBe(key.kid)
    expect(key.kid).toBe(key.public_key.slice(0, 16))
  })

  test.each(vectors.receipts)('$name: hash, signed bytes and signature are exact', (vector) => {
    const { receipt, result_hash_input, signing_bytes } = vector
    const members = receipt as unknown as JsonObject
    expect(new TextDecoder().decode(receiptSigningBytes(members))).toBe(signing_bytes)
    expect(hex(sha256(utf8(result_hash_input)))).toBe(receipt.result_hash)
    expect(resultHash(crypto, members)).toBe(receipt.result_hash)
    const made = signReceipt(unsigned(receipt), signer, crypto)
    expect(made).toEqual(receipt)
    expect(canonicalReceipt(made)).toBe(oracle(receipt))
    expect(canonicalReceipt(structuredClone(made))).toBe(oracle(receipt))
  })

  test.each(vectors.checks)('$name', (vector) => {
    const found = vectors.keys.find((one) => one.kid === vector.key)
    const publicKeyOf = found === undefined ? undefined : bytesOf(found.public_key)
    expect(checkReceipt(vector.receipt, publicKeyOf, crypto, payloadOf(vector.payload))).toEqual(
      vector.expected,
    )
  })

  test('the checks reach every status of the wire', () => {
    expect(new Set(vectors.checks.map((one) => one.expected.signature))).toEqual(
      new Set([
        'valid',
        'invalid',
        'missing_signature',
        'missing_key_id',
        'unknown_key_id',
        'malformed_signature',
      ]),
    )
  })
})

describe('the signature', () => {
  test.each([
    ['success', good],
    ['failure', failed],
  ])(
    'covers every member of a %s, the unsigned provider_receipt through its hash',
    (_name, receipt) => {
      const members = receipt as unknown as JsonObject
      for (const name of Object.keys(members)) {
        for (const value of replacements(members[name]!)) {
          const changed = { ...members, [name]: value } as unknown as Receipt
          const { signature } = checkReceipt(changed, publicKey, crypto)
          expect(signature, `${name}: ${JSON.stringify(value)}`).not.toBe('valid')
        }
      }
    },
  )

  // The one member that can be erased: the rest stays provable, and the check says what is gone.
  test('holds when provider_receipt is erased, and only then', () => {
    for (const name of Object.keys(good)) {
      const { [name]: _gone, ...rest } = good as unknown as JsonObject
      const check = checkReceipt(rest as unknown as Receipt, publicKey, crypto)
      const isErased = name === 'provider_receipt'
      expect(check.signature === 'valid', name).toBe(isErased)
      expect(check.result_hash === 'erased', name).toBe(isErased)
    }
  })

  test('of one receipt is none of another with the same hash members', () => {
    const other = signReceipt({ ...unsigned(good), principal: 'agent-b' }, signer, crypto)
    expect(other.result_hash).toBe(good.result_hash)
    const swapped = { ...other, receipt_signature: good.receipt_signature }
    expect(checkReceipt(swapped, publicKey, crypto).signature).toBe('invalid')
  })

  test('is broken by every flipped bit of it', () => {
    const raw = bytesOf(good.receipt_signature)
    for (let bit = 0; bit < raw.length * 8; bit += 1) {
      const changed = raw.with(bit >> 3, raw[bit >> 3]! ^ (1 << (bit & 7)))
      const receipt = { ...good, receipt_signature: hex(changed) }
      expect(checkReceipt(receipt, publicKey, crypto).signature, `bit ${bit}`).toBe('invalid')
    }
  })

  test('survives the way through a leaf', () => {
    const bytes = encodeLeaf({
      v: 1,
      type: 'receipt',
      log: 'a',
      id: good.receipt_id,
      time: '2026-01-01T00:00:00.000Z',
      gate: 'g',
      body: good as unknown as JsonObject,
    })
    const read = parseLeaf(bytes).body as unknown as Receipt
    expect(checkReceipt(read, publicKey, crypto)).toEqual({
      signature: 'valid',
      result_hash: 'matches',
      payload: 'withheld',
    })
  })

  test('of a receipt that no signer could have made is invalid, and does not throw', () => {
    for (const bad of ['\ud800', Number.NaN, Number.POSITIVE_INFINITY]) {
      const signedMember = { ...good, principal: bad } as unknown as Receipt
      expect(checkReceipt(signedMember, publicKey, crypto).signature).toBe('invalid')
      const hashedMember = { ...good, provider_receipt: bad } as unknown as Receipt
      expect(checkReceipt(hashedMember, publicKey, crypto).result_hash).toBe('differs')
    }
  })

  test('by a small-order or non-canonical key is never valid', () => {
    const zeros = '00'.repeat(32)
    for (const bad of [
      '0100000000000000000000000000000000000000000000000000000000000000',
      '0000000000000000000000000000000000000000000000000000000000000000',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ]) {
      // R the neutral element and S zero: what such keys are forged with.
      const forged = { ...good, receipt_signature: `01${zeros.slice(2)}${zeros}` }
      expect(checkReceipt(forged, bytesOf(bad), crypto).signature, bad).toBe('invalid')
    }
  })
})

describe('result_hash', () => {
  const HASHED = [
    'receipt_id',
    'grant_id',
    'provider_module_digest',
    'provider_receipt',
    'normalized_result',
    'verification_outcome',
    'effect_evidence',
    'started_at',
    'finished_at',
    'failure_class',
  ]

  test('changes with exactly these ten members', () => {
    const members = good as unknown as JsonObject
    const changing = Object.keys(members).filter((name) =>
      replacements(members[name]!).some(
        (value) => resultHash(crypto, { ...members, [name]: value }) !== good.result_hash,
      ),
    )
    expect(changing.sort()).toEqual([...HASHED].sort())
  })

  test('is that of the published formula, for any values', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 0, max: 999_999_999 }), (json, nanoseconds) => {
        const fraction = `.${String(nanoseconds).padStart(9, '0')}`
        const receipt: JsonObject = {
          ...(good as unknown as JsonObject),
          provider_receipt: JSON.parse(json) as Json,
          finished_at: `2026-01-01T00:00:02${fraction}Z`,
        }
        const object = Object.fromEntries(HASHED.map((name) => [name, receipt[name]!]))
        object['started_at'] = String(object['started_at']).replace(/Z$/, '+00:00')
        object['finished_at'] = String(object['finished_at']).replace(/Z$/, '+00:00')
        expect(resultHash(crypto, receipt)).toBe(hex(sha256(utf8(oracle(object)!))))
      }),
    )
  })

  test('takes an absent failure_class for null', () => {
    const { failure_class: _null, ...rest } = good as unknown as JsonObject
    expect(resultHash(crypto, rest)).toBe(good.result_hash)
  })
})

describe('commitments', () => {
  test('are SHA-256 over domain, salt and bytes', () => {
    const salt = new Uint8Array(32).fill(7)
    const bytes = utf8('{"ok":true}')
    const input = Buffer.concat([Buffer.from('latchgate/payload/v1\n'), salt, bytes])
    expect(commit(crypto, salt, bytes)).toEqual({ hash: hex(sha256(input)), bytes: 11 })
  })

  test('differ with every bit of salt and bytes, and need a whole salt', () => {
    const salt = new Uint8Array(32)
    const bytes = utf8('x')
    const { hash } = commit(crypto, salt, bytes)
    for (let bit = 0; bit < 256; bit += 1) {
      const other = salt.with(bit >> 3, 1 << (bit & 7))
      expect(commit(crypto, other, bytes).hash).not.toBe(hash)
    }
    expect(commit(crypto, salt, utf8('y')).hash).not.toBe(hash)
    expect(() => commit(crypto, salt.slice(1), bytes)).toThrow(RangeError)
    expect(() => commit(crypto, new Uint8Array(33), bytes)).toThrow(RangeError)
  })
})

// Values of other kinds, and every value one step away inside of arrays and objects.
function replacements(value: Json): readonly Json[] {
  const others: Json[] = value === null ? ['', 0, false] : []
  if (typeof value === 'string') others.push(`${value} `, value.slice(1), `${value}\u0000`)
  if (typeof value === 'number') others.push(value + 1, String(value))
  if (typeof value === 'boolean') others.push(!value)
  if (Array.isArray(value))
    others.push([...value, null], ...value.map((_one, i) => value.toSpliced(i, 1)))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const object = value as JsonObject
    others.push({ ...object, added: 1 })
    for (const [name, member] of Object.entries(object)) {
      for (const one of replacements(member)) others.push({ ...object, [name]: one })
    }
  }
  return others.filter((one) => JSON.stringify(one) !== JSON.stringify(value))
}
