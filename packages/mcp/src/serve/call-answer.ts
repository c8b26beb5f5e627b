import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import type { ActionResult } from 'latchgate'

/** A call that went well. The output is what the model reads; evidence is for programs, in `_meta` (W-M10). */
export function succeeded(result: ActionResult): CallToolResult {
  const doubt = 'Warning: whether this call had its effect could not be verified.'
  return {
    content: [
      { type: 'text', text: shown(result.output) },
      ...(result.isFullySuccessful ? [] : [{ type: 'text' as const, text: doubt }]),
    ],
    isError: false,
    _meta: {
      'latchgate/receipt_id': result.receiptId,
      'latchgate/trace_id': result.traceId,
      'latchgate/verification': result.verification,
      ...(result.log === null ? {} : { 'latchgate/log': result.log }),
    },
  }
}

/** A value as the text of an answer. */
export function answered(value: unknown): CallToolResult {
  return { content: [{ type: 'text', text: shown(value) }], isError: false }
}

function shown(output: unknown): string {
  if (typeof output === 'string') return output
  return output === null || output === undefined ? '(no output)' : JSON.stringify(output, null, 2)
}
