import { assertLeafValue, type Leaf, LeafError } from '@latchgate/evidence'
import { canonicalize, type JsonObject } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'

/** The JCS form of a leaf, cut in two where the writer puts the session's number. */
export interface LeafText {
  readonly before: string
  /** What follows the number; null for a leaf to which none is assigned. */
  readonly after: string | null
}

/**
 * The JCS form of a leaf; cut in two around the value of the body's `session_seq` when the writer
 * is to assign it. `bodyText` is the body's JCS form where it is known already. Throws LedgerFault
 * `invalid_entry` for a value that no leaf can hold.
 */
export function leafText(leaf: Leaf, isSequenced: boolean, bodyText?: string): LeafText {
  const { body, ...envelope } = leaf
  try {
    assertLeafValue(body, '/body')
    // `body` is the first member of a leaf in JCS order.
    const rest = `,${canonicalize(envelope as unknown as JsonObject).slice(1)}`
    if (!isSequenced) {
      return { before: `{"body":${bodyText ?? canonicalize(body)}${rest}`, after: null }
    }
    const [before, after] = cutAtSequence(body)
    return { before: `{"body":${before}`, after: `${after}${rest}` }
  } catch (error) {
    if (!(error instanceof LeafError) && !(error instanceof TypeError)) throw error
    throw new LedgerFault('invalid_entry', `a ${leaf.type} record: ${error.message}`, {
      cause: error,
    })
  }
}

// No record holds this number by itself; if one did, the cut would be refused, not misplaced.
const PLACEHOLDER = Number.MIN_SAFE_INTEGER
const CUT = `"session_seq":${PLACEHOLDER}`

function cutAtSequence(body: JsonObject): readonly [string, string] {
  const text = canonicalize({ ...body, session_seq: PLACEHOLDER })
  const at = text.indexOf(CUT)
  if (at !== text.lastIndexOf(CUT)) throw new LeafError('session_seq is written twice')
  const end = at + CUT.length
  return [text.slice(0, end - String(PLACEHOLDER).length), text.slice(end)]
}
