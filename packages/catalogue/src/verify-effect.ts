import {
  type Json,
  type JsonObject,
  sanitizeText,
  type VerificationOutcome,
} from '@latchgate/protocol'
import type { Manifest } from './manifest/manifest.js'

/** What the host itself saw: status, and the decoded body. */
export interface HostObservation {
  readonly status: number | null
  readonly body: Uint8Array | null
}

/**
 * Decides whether the declared effect happened, on what the host observed: a provider's word alone is
 * not evidence. `output` is only searched for a contradiction. No side effects.
 */
export function verifyEffect(
  manifest: Manifest,
  observed: HostObservation,
  output: Json,
): VerificationOutcome {
  switch (manifest.verifier.kind) {
    case 'none':
      return { status: 'unverifiable_declared' }
    case 'fs_hash':
      return failed('no host-observed filesystem evidence')
    case 'http_status':
      return verifyHttpStatus(manifest, observed, output)
  }
}

function verifyHttpStatus(
  manifest: Manifest,
  observed: HostObservation,
  output: Json,
): VerificationOutcome {
  const { expected_status, required_fields } = manifest.verifier
  const { status } = observed
  if (status === null) return failed('the host observed no HTTP response')
  if (!accepts(expected_status, status)) {
    return failed(`HTTP status ${status} is not in the accepted set`)
  }
  const reported = reportedStatus(output)
  if (reported !== undefined && reported !== status) {
    // The module chose what stands there, and a whole one could outgrow the receipt.
    const shown = sanitizeText(JSON.stringify(reported), 64)
    return failed(`provider reported HTTP ${shown} but host observed HTTP ${status}`)
  }
  if (required_fields.length > 0) {
    const document = upstreamDocument(observed.body)
    if (document === undefined) return failed('the response body is not JSON')
    const missing = required_fields.find((path) => !isPresent(document, path))
    if (missing !== undefined) {
      return failed(`required field '${missing}' missing from response body`)
    }
  }
  return { status: 'verified', evidence: { http_status: status, host_corroborated: true } }
}

function accepts(expected: readonly number[], status: number): boolean {
  if (expected.length > 0) return expected.includes(status)
  return status >= 200 && status <= 299
}

// The first of the places where a provider reports a status (spec 18.2).
function reportedStatus(output: Json): Json | undefined {
  return (
    memberOf(output, 'status') ??
    memberOf(output, 'status_code') ??
    memberOf(memberOf(output, 'data'), 'status_code')
  )
}

// Not the strict parser: an upstream may write numbers that we would not, and only the presence of
// members is looked at.
function upstreamDocument(body: Uint8Array | null): Json | undefined {
  if (body === null) return undefined
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Json
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

// `null` is not evidence that something was made.
function isPresent(document: Json, path: string): boolean {
  let value: Json | undefined = document
  for (const member of path.split('.')) value = memberOf(value, member)
  return value !== undefined && value !== null
}

function memberOf(value: Json | undefined, member: string): Json | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined
  return (value as JsonObject)[member]
}

function failed(reason: string): VerificationOutcome {
  return { status: 'verification_failed', reason }
}
