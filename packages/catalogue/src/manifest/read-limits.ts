import type { ResourceLimits } from '@latchgate/protocol'
import type { Section } from './section.js'

/** Bytes of a provider's document beside the upstream's body: status, URL, headers. */
const ENVELOPE_BYTES = 65_536

/** JSON writes a control character of one byte in six. */
const WORST_ESCAPE = 6

/** Bytes of one decoded upstream body that a manifest may ask for. */
export const MAX_HOST_RESPONSE = 10_485_760

/** Bytes of a document that holds a body of this size, whatever the body is made of. */
export function envelopeBytes(hostResponseBytes: number): number {
  return hostResponseBytes * WORST_ESCAPE + ENVELOPE_BYTES
}

/** Reads `resource_limits`; every limit has an upper bound. */
export function readLimits(top: Section): ResourceLimits {
  const known = ['fuel', 'memory_mb', 'timeout_seconds', 'max_io_calls', 'max_host_response_bytes']
  const limits = top.section('resource_limits', { known })
  return {
    fuel: limits.integer('fuel', { min: 1, max: 2_000_000_000, fallback: 200_000_000 }),
    memory_mb: limits.integer('memory_mb', { min: 1, max: 256, fallback: 64 }),
    timeout_seconds: limits.integer('timeout_seconds', { min: 1, max: 300, fallback: 30 }),
    max_io_calls: limits.integer('max_io_calls', { min: 0, max: 1000, fallback: 10 }),
    max_host_response_bytes: limits.integer('max_host_response_bytes', {
      min: 1,
      max: MAX_HOST_RESPONSE,
      fallback: 1_048_576,
    }),
  }
}
