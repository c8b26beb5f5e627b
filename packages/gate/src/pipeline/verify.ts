import { verifyEffect } from '@latchgate/catalogue'
import { type JsonObject, sanitizeText, type VerificationOutcome } from '@latchgate/protocol'
import type { Dispatched, Verified } from './call.js'

/**
 * Checks the provider's document against the response schema, and the effect against what the host
 * itself saw. A status outside the accepted set is shown in the output at every risk (design 3).
 */
export function verify(call: Dispatched): Verified {
  const { run, registered } = call
  const outcome = run.effects.at(-1)?.outcome ?? 'not_sent'
  if (run.failure !== null || run.output === null) {
    const failure = run.failure ?? { type: 'provider_error' as const, message: 'no output' }
    const verification = { status: 'provider_failed_before_verification' as const }
    return { ...call, outcome, failure, output: null, verification }
  }
  const checked = registered.action.validateResponse(run.output)
  if (!checked.ok) {
    const why = checked.error.map((fault) => `${fault.path || '/'} ${fault.message}`).join('; ')
    const message = `response schema violation: ${why}`
    const failure = { type: 'response_schema' as const, message }
    return { ...call, outcome, failure, output: null, verification: { status: 'skipped' as const } }
  }
  const { status } = run.observed
  if (status !== null && !acceptsStatus(call, status)) {
    // Whatever the verifier: an action that declares its effect unverifiable does not thereby accept
    // the errors of its upstream.
    const reason = `HTTP status ${status} is not in the accepted set`
    const verification = { status: 'verification_failed' as const, reason }
    const output = withUpstreamStatus(run.output, status)
    return { ...call, outcome, failure: null, output, verification }
  }
  const verification = bounded(verifyEffect(registered.manifest, run.observed, run.output))
  return { ...call, outcome, failure: null, output: run.output, verification }
}

// A reason may quote what the provider reported, of any length: it must fit into the receipt.
function bounded(outcome: VerificationOutcome): VerificationOutcome {
  if (outcome.status !== 'verification_failed') return outcome
  return { ...outcome, reason: sanitizeText(outcome.reason, 500) }
}

/** The statuses that an action accepts: those it names, or 200–299. */
function acceptsStatus(call: Dispatched, status: number): boolean {
  const expected = call.registered.manifest.verifier.expected_status
  if (expected.length > 0) return expected.includes(status)
  return status >= 200 && status <= 299
}

function withUpstreamStatus(output: JsonObject, status: number): JsonObject {
  const message = `the upstream answered ${status}, which this action does not accept`
  return { ...output, ok: false, error: { code: 'upstream_status', status, message } }
}
