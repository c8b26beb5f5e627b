import type { Json } from '@latchgate/protocol'
import type { Leaf } from './leaf.js'

/**
 * What a store may index beside the bytes of a leaf. Writer and verifier use this one function, so
 * that a changed column can never hide or misplace a record (notes/evidence 1).
 */
export type LeafColumns = {
  readonly type: string
  readonly id: string
  readonly time: string
  readonly trace_id: string | null
  readonly session_id: string | null
  readonly session_seq: number | null
  readonly principal: string | null
  readonly action_id: string | null
  readonly decision: string | null
}

/** The indexed columns of a leaf. */
export function leafColumns(leaf: Leaf): LeafColumns {
  const { body } = leaf
  const sequence = body['session_seq']
  return {
    type: leaf.type,
    id: leaf.id,
    time: leaf.time,
    trace_id: text(body['trace_id']),
    session_id: text(body['session_id']),
    session_seq: typeof sequence === 'number' ? sequence : null,
    principal: text(body['principal']),
    action_id: text(body['action_id']),
    decision: text(body['decision']),
  }
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null
}
