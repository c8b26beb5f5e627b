import type { ApproveResponse } from '@latchgate/protocol'
import { constant, hex, type Members, object, optional, text, uuid } from '../schema.js'

/** What `approve` adds to the answer of the execution. */
export const APPROVED: Members<
  Pick<ApproveResponse, 'approval' | 'learned_domain' | 'learned_path'>
> = {
  approval: object<ApproveResponse['approval']>({
    decision: constant('allow'),
    approval_id: uuid(),
    approved_by: text('The operator.'),
    approval_hash: hex(32, 'Digest of approval and plan.'),
    operator_authn_method: constant('operator_dpop'),
    operator_sender_binding: text("Thumbprint (RFC 7638) of the operator's key."),
  }),
  learned_domain: optional(text('The destination that was remembered.')),
  learned_path: optional(text('The path pattern that was remembered.')),
}
