import type { EgressResult } from '../egress/port.js'
import { packedLayers } from '../secrets/compressed-body.js'
import { REDACTION_MARKER, type Scrubber } from '../secrets/scrubber.js'
import { SearchExhausted, STEPS_IN_ANY_CASE } from '../secrets/search-work.js'

/** Work on headers after which the gate turns to something else. */
const HEADER_STEPS_AT_ONCE = 100_000

/** What the upstream said, without secrets. */
export interface ScrubbedResponse {
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Null when there was no response. */
  readonly body: Uint8Array | null
  readonly error: string | null
  /** A secret was in it. */
  readonly found: boolean
}

/**
 * Searches everything that came back. A body that is packed without saying so is shown as it came,
 * or, with a secret in it, not at all: a part of it cannot be replaced.
 *
 * @param maxBytes cap on what a packed body may unpack to; what is behind it is not searched
 * @param pause waits before the next slice of work; a rejection ends the search
 * @throws {SearchExhausted} when the search takes more work than the size allows
 */
export async function scrubResponse(
  { response, error }: EgressResult,
  scrubber: Scrubber,
  maxBytes: number,
  pause: () => Promise<void>,
): Promise<ScrubbedResponse> {
  const headers = await scrubHeaders(response?.headers ?? [], scrubber, pause)
  const body = response === null ? null : await scrubber.search(response.body, pause)
  const message = error === null ? null : scrubber.text(error.message)
  const isPacked = body !== null && (await hasPackedSecret(body.bytes, scrubber, maxBytes, pause))
  return {
    headers: headers.pairs,
    body: isPacked ? new Uint8Array(Buffer.from(REDACTION_MARKER)) : (body?.bytes ?? null),
    error: message?.text ?? null,
    found: headers.found || body?.found === true || isPacked || message?.found === true,
  }
}

async function scrubHeaders(
  headers: readonly (readonly [string, string])[],
  scrubber: Scrubber,
  pause: () => Promise<void>,
): Promise<{ readonly pairs: readonly (readonly [string, string])[]; readonly found: boolean }> {
  const pairs: (readonly [string, string])[] = []
  const begun = scrubber.steps
  let paused = begun
  let found = false
  for (const [name, value] of headers) {
    const shownName = scrubber.text(name)
    const shownValue = scrubber.text(value)
    found ||= shownName.found || shownValue.found
    pairs.push([shownName.text, shownValue.text])
    // There may be thousands, and each by itself has work to spare.
    if (scrubber.steps - begun > STEPS_IN_ANY_CASE * 2) throw new SearchExhausted()
    if (scrubber.steps - paused > HEADER_STEPS_AT_ONCE) {
      await pause()
      paused = scrubber.steps
    }
  }
  return { pairs, found }
}

async function hasPackedSecret(
  body: Uint8Array,
  scrubber: Scrubber,
  maxBytes: number,
  pause: () => Promise<void>,
): Promise<boolean> {
  if (!scrubber.looksForAny) return false
  for (const layer of await packedLayers(body, maxBytes)) {
    if ((await scrubber.search(layer, pause)).found) return true
  }
  return false
}
