import {
  loopbackOnly,
  type RawUpstream,
  type RawUpstreamOptions,
  startRawUpstream,
  startUpstream,
  type Upstream,
  type UpstreamOptions,
} from '@latchgate/testkit'
import { expect, onTestFinished } from 'vitest'
import { createEgress } from '../../src/egress/pinned-client.js'
import type { Egress, EgressOptions, EgressRequest, EgressResult } from '../../src/egress/port.js'

export const HOST = 'api.example.com'

/** Stands in every URL and header list that the tests send; no result may quote it. */
export const SECRET = 'sk-live-7f3a9c'

export interface Asker {
  readonly egress: Egress
  /** Sends a request to `HOST` with the secret in query and header; checks that it stays there. */
  ask(path: string, overrides?: Partial<EgressRequest>): Promise<EgressResult>
}

/** An egress whose `HOST` leads to this address; ends with the test. */
export function askerOf(
  scheme: 'http' | 'https',
  address: string,
  options: Partial<EgressOptions> = {},
): Asker {
  const port = scheme === 'https' ? 443 : 80
  const egress = createEgress({
    unsafeResolve: new Map([[`${HOST}:${port}`, address]]),
    extraCaPem: null,
    route: loopbackOnly,
    ...options,
  })
  onTestFinished(() => egress.close())
  return {
    egress,
    ask: async (path, overrides) => {
      const result = await egress.request(requestTo(`${scheme}://${HOST}${path}`, overrides))
      expect(JSON.stringify({ ...result, response: null })).not.toContain(SECRET)
      return result
    },
  }
}

/** The request that the tests vary. */
export function requestTo(url: string, overrides: Partial<EgressRequest> = {}): EgressRequest {
  return {
    principal: 'agent-1',
    method: 'GET',
    url: url.includes('?') ? url : `${url}?token=${SECRET}`,
    headers: [['authorization', `Bearer ${SECRET}`]],
    body: null,
    allow: ['example.com'],
    confidential: true,
    timeoutMs: 5_000,
    maxResponseBytes: 100_000,
    ...overrides,
  }
}

/** A recording upstream with an egress that trusts it. */
export async function withUpstream(
  upstreamOptions: UpstreamOptions = {},
  egressOptions: Partial<EgressOptions> = {},
): Promise<Asker & { readonly upstream: Upstream }> {
  const upstream = await startUpstream({ scheme: 'http', hosts: [HOST], ...upstreamOptions })
  onTestFinished(() => upstream.close())
  const asker = askerOf(upstream.scheme, upstream.address, {
    extraCaPem: upstream.caPem,
    ...egressOptions,
  })
  return { ...asker, upstream }
}

/** An upstream below HTTP with an egress that trusts it. */
export async function withRawUpstream(
  scheme: 'http' | 'https',
  upstreamOptions: RawUpstreamOptions = {},
  egressOptions: Partial<EgressOptions> = {},
): Promise<Asker & { readonly upstream: RawUpstream }> {
  const upstream = await startRawUpstream({ hosts: [HOST], ...upstreamOptions })
  onTestFinished(() => upstream.close())
  const asker = askerOf(scheme, upstream.address, {
    extraCaPem: upstream.caPem,
    ...egressOptions,
  })
  return { ...asker, upstream }
}

/** What a failed request must look like. */
export function failed(
  outcome: EgressResult['outcome'],
  status: number | null,
  type: string,
  message: string,
): object {
  return { outcome, status, response: null, error: { type, message } }
}

/** The body as text. */
export function bodyText({ response }: Pick<EgressResult, 'response'>): string {
  return Buffer.from(response?.body ?? []).toString()
}
