import type { Receipt } from '@latchgate/evidence'

/** What a person wants to know of a receipt: label and value, in reading order. */
export function receiptLines(receipt: Receipt): readonly (readonly [string, string])[] {
  const verification = receipt.verification_outcome as { readonly status?: unknown }
  const error = receipt.error_type === null ? '' : `, ${receipt.error_type}`
  return [
    ['action', `${receipt.action_id} ${receipt.action_version}`],
    ['principal', receipt.principal],
    ['session', `${receipt.session_id}, call ${receipt.session_seq}`],
    ['outcome', `${receipt.outcome}${error}`],
    ['verification', String(verification.status)],
    ['times', `${receipt.started_at} – ${receipt.finished_at}`],
    ...receipt.effects.flatMap(effectLines),
  ]
}

function effectLines(effect: Receipt['effects'][number]): readonly (readonly [string, string])[] {
  const { method, url, outcome, status, address, secrets, scrubbed } = effect
  const answered = status === null ? outcome : `${outcome} ${status}`
  const at = address === null ? '' : ` from ${address}`
  const injected = secrets.map((secret) => `${secret.name} into ${secret.into}`).join(', ')
  const removed = scrubbed ? '; it came back and was removed' : ''
  return [
    ['effect', `${method} ${url} → ${answered}${at}`],
    ...(secrets.length === 0 ? [] : [['secrets', `${injected}${removed}`] as const]),
  ]
}
