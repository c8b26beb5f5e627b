import { type Receipt, signReceipt, type UnsignedReceipt } from '@latchgate/evidence'
import { encodeHex } from '@latchgate/protocol'
import { digest, Ed25519Signer, sha256, verifyEd25519 } from '@latchgate/protocol/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  executionReceiptFromJson,
  type LatchGateClient,
  type ReceiptKey,
  verifyReceipt,
} from '../src/index.js'
import { executed, type GateDouble } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const CRYPTO = { sha256: (bytes: Uint8Array) => sha256(bytes), verifyEd25519 }

interface Signing {
  readonly signer: Ed25519Signer
  readonly key: ReceiptKey
}

function signing(): Signing {
  const signer = Ed25519Signer.fromSeed(Ed25519Signer.generateSeed())
  return { signer, key: { kid: signer.kid, x_hex: encodeHex(signer.publicKey) } }
}

function receiptOf(by: Signing, members: Partial<UnsignedReceipt> = {}): Receipt {
  const unsigned: UnsignedReceipt = {
    v: 1,
    receipt_id: 'receipt-1',
    grant_id: 'grant-1',
    trace_id: 'trace-1',
    session_id: 'session-1',
    session_seq: 1,
    lease_jti: 'jti-1',
    principal: 'agent',
    action_id: 'http_fetch',
    action_version: '1.0.0',
    action_digest: 'sha256:00',
    provider_module_digest: 'builtin:http_api',
    provider_module_sha256: 'sha256:01',
    request_hash: digest({ url: 'https://a.example' }),
    arguments_hash: digest({ url: 'https://a.example' }),
    policy: { version: 'v1', digest: null },
    provider_receipt: {
      ok: true,
      status_code: 200,
      content_type: 'text/plain',
      body_sha256: null,
      body_bytes: 3,
    },
    output: null,
    normalized_result: { kind: 'success', summary: 'provider completed successfully' },
    verification_outcome: { status: 'verified', evidence: { status_code: 200 } },
    effect_evidence: [],
    effects: [],
    outcome: 'answered',
    error_type: null,
    failure_class: null,
    runtime: { duration_ms: 3, exit_code: 0, fuel_consumed: 10, io_calls: 1 },
    started_at: '2026-03-01T10:00:00.123Z',
    finished_at: '2026-03-01T10:00:00.266Z',
    ...members,
  }
  return signReceipt(unsigned, { kid: by.signer.kid, sign: (m) => by.signer.sign(m) }, CRYPTO)
}

async function executedCall(
  by: Signing,
  served: (receipt: Receipt) => object = (receipt) => receipt,
): Promise<{ readonly gate: GateDouble; readonly agent: LatchGateClient }> {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  gate.onExecute(executed({ session_seq: 1 }))
  await agent.execute('http_fetch', { url: 'https://a.example' })
  const receipt = receiptOf(by, { session_id: agent.sessionId! })
  const json = { ...served(receipt), signature_status: 'valid', log_index: 12 }
  gate.onGet('/v1/receipts/receipt-1', { status: 200, json })
  gate.onGet('/v1/receipt-keys', {
    status: 200,
    json: { keys: [{ ...by.key, kty: 'OKP', use: 'sig' }] },
  })
  return { gate, agent }
}

test('a receipt of a call of this client: every question is answered, and so is whose keys', async () => {
  const by = signing()
  const { agent } = await executedCall(by)
  const expected = {
    receiptId: 'receipt-1',
    signature: 'valid',
    signingKeyId: by.key.kid,
    keys: 'given',
    resultHash: 'matches',
    call: 'matches',
    sequence: 'continuous',
    findings: [],
  }
  expect(await agent.verifyReceipt('receipt-1', { keys: [by.key] })).toEqual(expected)
  expect(await agent.verifyReceipt('receipt-1')).toEqual({ ...expected, keys: 'fetched' })
})

test('with keys and a receipt in hand nothing is sent', async () => {
  const by = signing()
  const { gate, agent } = await executedCall(by)
  const receipt = await agent.getReceipt('receipt-1')
  const before = gate.seen.length
  await agent.verifyReceipt(receipt, { keys: [by.key] })
  expect(gate.seen).toHaveLength(before)
})

test('without a client the call and the sequence are not known, and the report says so', () => {
  const by = signing()
  const report = verifyReceipt(executionReceiptFromJson(receiptOf(by)), [by.key])
  expect(report).toMatchObject({
    signature: 'valid',
    call: 'unknown',
    sequence: 'unknown',
    findings: [],
  })
})

test('a member changed after signing is found out, whichever it is', () => {
  const by = signing()
  const receipt = receiptOf(by)
  const names = Object.keys(receipt).filter((name) => name !== 'receipt_signature')
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.string({ minLength: 3 }), (name, text) => {
      const changed = executionReceiptFromJson({ ...receipt, [name]: `${text}!` })
      const report = verifyReceipt(changed, [by.key])
      expect(report.signature).not.toBe('valid')
      expect(report.findings).not.toEqual([])
    }),
  )
})

test('a member added by a reader does not spoil the signature; any other does', () => {
  const by = signing()
  const receipt = receiptOf(by)
  const read = { ...receipt, signature_status: 'invalid', log_index: 3, log: { index: 3, size: 4 } }
  expect(verifyReceipt(executionReceiptFromJson(read), [by.key]).signature).toBe('valid')
  const added = { ...receipt, note: 'approved by the board' }
  expect(verifyReceipt(executionReceiptFromJson(added), [by.key]).signature).toBe('invalid')
})

test('the six states of a signature', () => {
  const by = signing()
  const receipt = receiptOf(by)
  const statusOf = (members: object, keys: readonly ReceiptKey[] = [by.key]): string =>
    verifyReceipt(executionReceiptFromJson({ ...receipt, ...members }), keys).signature
  expect(statusOf({})).toBe('valid')
  expect(statusOf({ receipt_signature: undefined })).toBe('missing_signature')
  expect(statusOf({ signing_key_id: undefined })).toBe('missing_key_id')
  expect(statusOf({}, [])).toBe('unknown_key_id')
  expect(statusOf({}, [signing().key])).toBe('unknown_key_id')
  expect(statusOf({ receipt_signature: 'zz' })).toBe('malformed_signature')
  expect(statusOf({ receipt_signature: '0'.repeat(128) })).toBe('invalid')
})

test('an erased output of the provider: the signature stands, the hash can no longer be checked', () => {
  const by = signing()
  const erased = executionReceiptFromJson({ ...receiptOf(by), provider_receipt: null })
  expect(verifyReceipt(erased, [by.key])).toMatchObject({
    signature: 'valid',
    resultHash: 'erased',
    findings: [],
  })
})

test('a good receipt of another call is told apart from the one that was made', async () => {
  const by = signing()
  const other = receiptOf(by, {
    request_hash: digest({ url: 'https://evil.example' }),
    trace_id: 'trace-2',
  })
  const { agent } = await executedCall(by, () => other)
  const report = await agent.verifyReceipt('receipt-1', { keys: [by.key] })
  expect(report).toMatchObject({ signature: 'valid', resultHash: 'matches', call: 'differs' })
  expect(report.findings).toContain('trace_id is not trace-1, as in the call that this client made')
  expect(report.findings.some((finding) => finding.startsWith('request_hash is not sha256:'))).toBe(
    true,
  )
})

test('a gap in the session shows in the report of each of its receipts', async () => {
  const by = signing()
  const { gate, agent } = await executedCall(by)
  gate.onExecute(executed({ session_seq: 7, receipt_id: 'receipt-7' }))
  await agent.execute('http_fetch')
  const report = await agent.verifyReceipt('receipt-1', { keys: [by.key] })
  expect(report).toMatchObject({ signature: 'valid', call: 'matches', sequence: 'gap' })
  expect(report.findings).toEqual(['session_seq 7 where this client caused at most 2'])
})

test('keys that cannot be trusted as given are refused by name', () => {
  const by = signing()
  const receipt = executionReceiptFromJson(receiptOf(by))
  const twice = [by.key, { ...signing().key, kid: by.key.kid }]
  expect(() => verifyReceipt(receipt, twice)).toThrow('two receipt keys have the same kid')
  const misnamed = [{ kid: by.key.kid, x_hex: signing().key.x_hex }]
  expect(() => verifyReceipt(receipt, misnamed)).toThrow(
    'the kid must be the first 16 digits of x_hex',
  )
  const short = [{ kid: by.key.kid, x_hex: by.key.kid }]
  expect(() => verifyReceipt(receipt, short)).toThrow('x_hex must be 64 lower-case hex digits')
})

test('a small-order key, which signs anything, verifies nothing', () => {
  const zero = '0'.repeat(64)
  const receipt = { ...receiptOf(signing()), signing_key_id: zero.slice(0, 16) }
  const report = verifyReceipt(executionReceiptFromJson(receipt), [
    { kid: zero.slice(0, 16), x_hex: zero },
  ])
  expect(report.signature).toBe('invalid')
})

test('a list of keys without keys is a transport error', async () => {
  const gate = await gateOnTcp()
  gate.onGet('/v1/receipt-keys', { status: 200, json: { keys: [{ kid: 'a' }] } })
  await expect(client({ baseUrl: gate.url }).getReceiptKeys()).rejects.toThrow(
    'transport error: missing keys in receipt keys response',
  )
})
