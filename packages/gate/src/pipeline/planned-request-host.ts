import type { Target } from '@latchgate/catalogue'
import type { Effect } from '@latchgate/evidence'
import { digestBytes } from '@latchgate/protocol/node'
import {
  ExecutionAborted,
  type HostHttpRequest,
  type HostHttpResponse,
  type HostReply,
  type SandboxHost,
} from '@latchgate/sandbox'
import type { EgressResult } from '../egress/port.js'
import { type Injection, injectSecrets } from '../secrets/injection.js'
import type { InjectedSecret } from '../secrets/port.js'
import { Scrubber } from '../secrets/scrubber.js'
import { SearchExhausted } from '../secrets/search-work.js'
import type { Services } from '../services.js'
import type { Intending } from './call.js'
import { type ScrubbedResponse, scrubResponse } from './scrubbed-response.js'

/** What is known of a request that was handed to the client and not answered for yet. */
const NOTHING_KNOWN: EgressResult = {
  outcome: 'unknown',
  status: null,
  response: null,
  error: null,
  address: null,
  certificateSha256: null,
}

/**
 * The host side of a templated action: it lets exactly the planned request out, once, puts the
 * secrets in after the comparison, and searches everything that comes back for them.
 */
export class PlannedRequestHost implements SandboxHost {
  readonly #services: Services
  readonly #call: Intending
  #scrubber: Scrubber
  #effects: readonly Effect[] = []
  #observed: { readonly status: number | null; readonly body: Uint8Array | null } = {
    status: null,
    body: null,
  }
  #contentType: string | null = null
  #requested = false

  constructor(services: Services, call: Intending) {
    this.#services = services
    this.#call = call
    this.#scrubber = new Scrubber(this.#secretValues())
  }

  get effects(): readonly Effect[] {
    return this.#effects
  }

  get observed(): { readonly status: number | null; readonly body: Uint8Array | null } {
    return this.#observed
  }

  get contentType(): string | null {
    return this.#contentType
  }

  async httpRequest(
    request: HostHttpRequest,
    signal: AbortSignal,
  ): Promise<HostReply<HostHttpResponse>> {
    if (this.#requested) {
      throw new ExecutionAborted('plan_mismatch', 'the provider made a second request')
    }
    this.#requested = true
    const difference = differenceFromPlan(request, this.#call.target)
    if (difference !== null) {
      throw new ExecutionAborted('plan_mismatch', `the provider changed the ${difference}`)
    }
    const timeoutMs = this.#deadline() - this.#services.now()
    // A gate that stood still, or a ledger that was slow, must not send what a sweep may already
    // have recorded as unknown.
    if (timeoutMs <= 0) {
      throw new ExecutionAborted('wall_clock', 'the time for this call was over before it was sent')
    }
    const injected = this.#inject()
    // From here on bytes may leave. A receipt that is written before the client has answered, or
    // after it failed, must say `unknown`: `not_sent` is a promise, and gives the call back.
    this.#effects = [
      this.#effect(NOTHING_KNOWN, injected.injected, { body: null, scrubbed: false }),
    ]
    const result = await this.#services.egress.request({
      principal: this.#call.agent.claims.sub,
      method: injected.target.method,
      url: injected.target.url,
      headers: injected.target.headers,
      body: injected.target.body,
      allow: this.#call.allow,
      confidential: injected.injected.length > 0,
      timeoutMs,
      maxResponseBytes: this.#call.registered.manifest.limits.max_host_response_bytes,
      signal,
    })
    return this.#receive(result, injected.injected, signal)
  }

  log(level: 'debug' | 'info' | 'warn', message: string): void {
    const provider = this.#loggable(message)
    this.#services.log[level]({ trace_id: this.#call.traceId, provider }, 'provider log')
  }

  // The upstream's time-out comes a little before the sandbox's, so that a slow upstream is reported
  // as one.
  #deadline(): number {
    const total = this.#call.registered.manifest.limits.timeout_seconds * 1000
    return this.#call.startedAt + total - Math.min(250, total / 10)
  }

  #inject(): Injection {
    const { manifest } = this.#call.registered
    const { target, secrets } = this.#call
    const result = injectSecrets(target, manifest.secrets, secrets, this.#services.now)
    if (!result.ok) throw new ExecutionAborted('secret_injection', result.error)
    // What was made of a secret is as good as the secret: it is searched for as well.
    const { derived } = result.value
    if (derived.length > 0) this.#scrubber = new Scrubber([...this.#secretValues(), ...derived])
    return result.value
  }

  #secretValues(): readonly string[] {
    return [...this.#call.secrets.values()].map((secret) => secret.reveal())
  }

  async #receive(
    result: EgressResult,
    injected: readonly InjectedSecret[],
    signal: AbortSignal,
  ): Promise<HostReply<HostHttpResponse>> {
    // What is known already, should the call end during the search.
    this.#effects = [this.#effect(result, injected, { body: null, scrubbed: false })]
    this.#observed = { status: result.status, body: null }
    const { headers, body, error, found } = await this.#search(result, signal)
    this.#contentType = headers.find(([name]) => name === 'content-type')?.[1] ?? null
    this.#observed = { status: result.status, body }
    this.#effects = [this.#effect(result, injected, { body, scrubbed: found })]
    const { response } = result
    if (response === null || result.error !== null) {
      throw new ExecutionAborted(result.error?.type ?? 'upstream_protocol', error ?? 'no response')
    }
    return {
      ok: true,
      value: { status: response.status, headers, body: body ?? new Uint8Array() },
    }
  }

  async #search(result: EgressResult, signal: AbortSignal): Promise<ScrubbedResponse> {
    const maxBytes = this.#call.registered.manifest.limits.max_host_response_bytes
    const pause = async (): Promise<void> => {
      await this.#services.searchTurns.next()
      if (signal.aborted) {
        throw new ExecutionAborted('cancelled', 'the call ended while its answer was searched')
      }
    }
    try {
      return await scrubResponse(this.#withNamesAsSent(result), this.#scrubber, maxBytes, pause)
    } catch (error) {
      if (!(error instanceof SearchExhausted)) throw error
      throw new ExecutionAborted('response_unsearchable', error.message)
    }
  }

  #loggable(message: string): string {
    try {
      return this.#scrubber.text(message).text
    } catch (error) {
      if (!(error instanceof SearchExhausted)) throw error
      return '[withheld: it takes too much work to be searched for secrets]'
    }
  }

  // Header names come in lower case. A secret that was one is given its own case back, so that the
  // search finds it; what the search does not find was none.
  #withNamesAsSent(result: EgressResult): EgressResult {
    const { response } = result
    if (response === null) return result
    const values = this.#secretValues()
    const headers = response.headers.map(([name, value]) => {
      const sent = values.reduce((text, one) => text.replaceAll(one.toLowerCase(), () => one), name)
      return [sent, value] as const
    })
    return { ...result, response: { ...response, headers } }
  }

  #effect(
    result: EgressResult,
    injected: readonly InjectedSecret[],
    received: { readonly body: Uint8Array | null; readonly scrubbed: boolean },
  ): Effect {
    const { target } = this.#call
    return {
      import: 'latchgate:io/http',
      // As authorised, before injection: a digest after it would let a weak secret be guessed.
      method: target.method,
      url: target.url,
      header_names: target.headers.map(([name]) => name),
      body_sha256: target.body === null ? null : digestBytes(target.body),
      body_bytes: target.body?.length ?? 0,
      secrets: injected.map(({ name, into }) => ({ name, into })),
      address: result.address,
      certificate_sha256: result.certificateSha256,
      status: result.status,
      response_sha256: received.body === null ? null : digestBytes(received.body),
      response_bytes: received.body?.length ?? null,
      outcome: result.outcome,
      scrubbed: received.scrubbed,
    }
  }
}

/** Names the first part in which a module's request differs from the plan; null when it does not. */
export function differenceFromPlan(request: HostHttpRequest, target: Target): string | null {
  if (request.method !== target.method) return 'method'
  if (request.url !== target.url) return 'URL'
  const planned = sortedHeaders(target.headers)
  const asked = sortedHeaders(request.headers)
  if (planned !== asked) return 'headers'
  const same =
    target.body === null
      ? request.body === null
      : request.body !== null && Buffer.compare(request.body, target.body) === 0
  return same ? null : 'body'
}

function sortedHeaders(headers: readonly (readonly [string, string])[]): string {
  const pairs = headers.map(([name, value]) => JSON.stringify([name.toLowerCase(), value]))
  return pairs.sort().join('\n')
}
