import { checkReceipt, type EvidenceCrypto, type Receipt } from '@latchgate/evidence'
import type { SignatureStatus } from '@latchgate/protocol'
import { sha256, verifyEd25519 } from '@latchgate/protocol/node'
import type { CallMemory } from './call-memory.js'
import type { ExecutionReceipt } from './execution-receipt.js'
import { findReceiptKey, type ReceiptKey } from './receipt-keys.js'

/**
 * What a check of a receipt found, each question on its own. None of it says that the receipt is in
 * the log: that takes a bundle and a checkpoint (notes/evidence 6).
 */
export interface ReceiptReport {
  /** The receipt that was checked. */
  readonly receiptId: string
  /** `valid`: the holder of this key stated exactly this receipt. */
  readonly signature: SignatureStatus
  /** The `kid` that the receipt names; null: it is not signed. */
  readonly signingKeyId: string | null
  /**
   * `given`: the caller vouches for the keys. `fetched`: the gate named them just now, so the
   * signature shows only that the gate agrees with itself.
   */
  readonly keys: 'given' | 'fetched'
  /** Whether the ten members of `result_hash` still give it; `erased`: one of them is gone. */
  readonly resultHash: 'matches' | 'differs' | 'erased'
  /** Whether it is about the call that this client made; `unknown`: not a call it remembers. */
  readonly call: 'matches' | 'differs' | 'unknown'
  /** Whether the numbers of its session grow without gaps that this client did not cause. */
  readonly sequence: 'continuous' | 'gap' | 'not_growing' | 'unknown'
  /** One sentence for each thing that is wrong; empty when nothing that was checked is. */
  readonly findings: readonly string[]
}

const CRYPTO: EvidenceCrypto = { sha256: (bytes) => sha256(bytes), verifyEd25519 }

/** Members that a reader of the gate adds to a receipt; no signature covers them. */
const ADDED_ON_READ = ['signature_status', 'log_index', 'log']

/** Checks a receipt against keys and, where there is one, against the memory of the client. */
export function reportReceipt(
  receipt: ExecutionReceipt,
  keys: { readonly source: ReceiptReport['keys']; readonly list: readonly ReceiptKey[] },
  memory: CallMemory | null,
): ReceiptReport {
  const keyId = receipt.signingKeyId
  const publicKey = keyId === null ? undefined : findReceiptKey(keys.list, keyId)
  const checked = checkReceipt(signedMembers(receipt), publicKey, CRYPTO)
  const differing = differingMembers(receipt, memory)
  const numbers =
    receipt.sessionId === null ? undefined : memory?.sequenceOf(receipt.sessionId)?.findings
  return {
    receiptId: receipt.receiptId,
    signature: checked.signature,
    signingKeyId: keyId,
    keys: keys.source,
    resultHash: checked.result_hash,
    call: differing === undefined ? 'unknown' : differing.length === 0 ? 'matches' : 'differs',
    sequence: numbers === undefined ? 'unknown' : (numbers[0]?.kind ?? 'continuous'),
    findings: [
      ...(checked.signature === 'valid'
        ? []
        : [`the signature is not valid: ${checked.signature}`]),
      ...(checked.result_hash === 'differs' ? ['result_hash is not that of the members'] : []),
      ...(differing ?? []),
      ...(numbers ?? []).map((finding) => finding.message),
    ],
  }
}

/**
 * Checks a receipt offline, with keys that the caller trusts: nothing is sent. Throws a `TypeError`
 * for keys that cannot be used.
 */
export function verifyReceipt(
  receipt: ExecutionReceipt,
  keys: readonly ReceiptKey[],
): ReceiptReport {
  return reportReceipt(receipt, { source: 'given', list: keys }, null)
}

function signedMembers(receipt: ExecutionReceipt): Receipt {
  const members = Object.entries(receipt.raw).filter(([name]) => !ADDED_ON_READ.includes(name))
  // Not checked for shape: what is not a receipt has no valid signature.
  return Object.fromEntries(members) as unknown as Receipt
}

function differingMembers(
  receipt: ExecutionReceipt,
  memory: CallMemory | null,
): readonly string[] | undefined {
  const known = memory?.callOf(receipt.receiptId)
  if (known === undefined) return undefined
  return Object.entries(known)
    .filter(([member, value]) => receipt.raw[member] !== value)
    .map(([member, value]) => `${member} is not ${value}, as in the call that this client made`)
}
