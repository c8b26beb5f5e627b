import type { EffectBody, ReceiptBody } from '@latchgate/protocol'

/** What the host saw of one request of a provider, as authorised before injection (design 14). */
export type Effect = EffectBody

/**
 * A signed receipt: the body of a `receipt` leaf (notes/evidence 2). It is what the wire shows without
 * the two members that a reader adds.
 */
export type Receipt = Omit<ReceiptBody, 'signature_status' | 'log_index'>

/** A receipt before it is hashed and signed. */
export type UnsignedReceipt = Omit<Receipt, 'result_hash' | 'signing_key_id' | 'receipt_signature'>
