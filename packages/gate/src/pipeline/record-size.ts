import type { Manifest, SecretBinding, Target } from '@latchgate/catalogue'
import { MAX_LEAF_BYTES } from '@latchgate/evidence'

/**
 * Bytes kept free in a record for everything whose length is bounded by itself: names, ids, hashes,
 * numbers, times, the signature, and texts that are cut. `record-size.test.ts` fills each of them.
 */
const BOUNDED_BYTES = 6 * 1024

/** Bytes that the parts of a call without a bound of their own may take in its records. */
export const MAX_VARIABLE_BYTES: number = MAX_LEAF_BYTES - BOUNDED_BYTES

/** Bytes that the decisions of operators may take in the receipt of an approved call. */
export const MAX_DECISIONS_BYTES = 4608

/** The same for a call that needs approval: its receipt tells who approved it as well. */
export const MAX_HELD_VARIABLE_BYTES: number = MAX_VARIABLE_BYTES - MAX_DECISIONS_BYTES

/**
 * Bytes that URL, header names, secrets, destinations and sinks of a call take in its largest record.
 * The receipt is written after the effect: what would make it larger than a leaf must be refused
 * before (design 1, invariant 1).
 */
export function variableBytes(manifest: Manifest, target: Target): number {
  return jsonBytes(target.url) + jsonBytes(target.headers.map(([name]) => name)) + fixed(manifest)
}

const known = new WeakMap<Manifest, number>()

function fixed(manifest: Manifest): number {
  const cached = known.get(manifest)
  if (cached !== undefined) return cached
  const { secrets, egress, declared_side_effects, required_imports, version } = manifest
  const bytes = jsonBytes([
    secrets.flatMap(placesOf),
    egress,
    declared_side_effects,
    required_imports,
    version,
  ])
  known.set(manifest, bytes)
  return bytes
}

// At least what a receipt says of a secret, `{name, into}`, whatever `into` is made of. Basic and
// AWS signatures name up to two further secrets, which stand in `inject`.
function placesOf({ name, inject }: SecretBinding): readonly unknown[] {
  const into = 'header:x-amz-security-token'
  const isComposed = inject.kind === 'basic' || inject.kind === 'sigv4'
  return [
    { name, into: inject },
    ...(isComposed
      ? [
          { name, into },
          { name, into },
        ]
      : []),
  ]
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
