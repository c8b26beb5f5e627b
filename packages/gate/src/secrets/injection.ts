import type { SecretBinding, SecretInjection, Target } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'
import { type Injection, placeBasic, placeSignature, type Revealed } from './credentials.js'
import { percentEncode } from './percent-encoding.js'
import { placeInBody, placeInHeader, placeInQuery, placeUrl } from './places.js'
import type { InjectedSecret, Secret } from './port.js'

export type { Injection } from './credentials.js'

/** Shortest value: a shorter one would be found, and redacted, in every other response. */
const MIN_SECRET_BYTES = 8

/**
 * Puts the secrets into a request, each in the place that its manifest names (design 8). `values`
 * may lack optional ones. The error names secrets and places and never quotes a value. `now`, in
 * Unix milliseconds, goes into signatures.
 */
export function injectSecrets(
  target: Target,
  bindings: readonly SecretBinding[],
  values: ReadonlyMap<string, Secret>,
  now: () => number = Date.now,
): Result<Injection, string> {
  let current: Injection = { target, injected: [], derived: [] }
  // Last, because a signature covers what the other secrets became part of.
  const last = bindings.filter(({ inject }) => inject.kind === 'sigv4')
  const first = bindings.filter(({ inject }) => inject.kind !== 'sigv4')
  for (const binding of [...first, ...last]) {
    const revealed = reveal(binding, values)
    if (!revealed.ok) return revealed
    if (revealed.value === null) continue
    const placed = place(current.target, binding, revealed.value, now)
    if (!placed.ok) return err(`secret ${binding.name}: ${placed.error}`)
    const taken = placed.value.injected.find(({ into }) =>
      current.injected.some((other) => other.into === into),
    )
    if (taken !== undefined) return err(`two secrets in one place: ${taken.into}`)
    current = {
      target: placed.value.target,
      injected: [...current.injected, ...placed.value.injected],
      derived: [...current.derived, ...placed.value.derived],
    }
  }
  return ok(current)
}

// Null for an optional secret without a value, and for a part, which its owner puts in.
function reveal(
  { name, required, inject }: SecretBinding,
  values: ReadonlyMap<string, Secret>,
): Result<Revealed | null, string> {
  if (inject.kind === 'part_of') return ok(null)
  const value = usableValue(name, values)
  if (!value.ok) return value
  if (value.value === null) return required ? err(`secret ${name}: it has no value`) : ok(null)
  const { partName, tokenName } = partNames(inject)
  const part = partName === null ? ok('') : usableValue(partName, values)
  if (!part.ok) return part
  if (part.value === null) return err(`secret ${name}: its part ${partName} has no value`)
  const token = tokenName === null ? ok(null) : usableValue(tokenName, values)
  if (!token.ok) return token
  return ok({ value: value.value, part: part.value, token: token.value })
}

function partNames(inject: SecretInjection): {
  readonly partName: string | null
  readonly tokenName: string | null
} {
  if (inject.kind === 'sigv4') {
    return { partName: inject.access_key_id, tokenName: inject.session_token ?? null }
  }
  const user = inject.kind === 'basic' && 'secret' in inject.user ? inject.user.secret : null
  return { partName: user, tokenName: null }
}

function usableValue(
  name: string,
  values: ReadonlyMap<string, Secret>,
): Result<string | null, string> {
  const value = values.get(name)?.reveal()
  if (value === undefined) return ok(null)
  // One of them in a header would begin another header, or another request.
  if (/[\r\n\0]/.test(value)) return err(`secret ${name}: it has a line break or NUL in it`)
  if (Buffer.byteLength(value) < MIN_SECRET_BYTES) {
    return err(`secret ${name}: it is shorter than ${MIN_SECRET_BYTES} bytes`)
  }
  return ok(value)
}

function place(
  target: Target,
  { name, inject }: SecretBinding,
  revealed: Revealed,
  now: () => number,
): Result<Injection, string> {
  const { value } = revealed
  switch (inject.kind) {
    case 'header': {
      const pieces = inject.format.split('{}')
      if (pieces.length !== 2) return err('its format must hold {} exactly once')
      // Joined, not replaced: `$&` in a value would be a pattern of `replace`.
      const placed = placeInHeader(target, inject.header, pieces.join(value))
      return injection(placed, { name, into: `header:${inject.header}` })
    }
    case 'query':
      return injection(
        placeInQuery(target, inject.name, value),
        { name, into: `query:${inject.name}` },
        asSent(value, percentEncode(value)),
      )
    case 'body':
      return injection(
        placeInBody(target, inject.pointer, value),
        { name, into: `body:${inject.pointer}` },
        asSent(value, JSON.stringify(value).slice(1, -1)),
      )
    case 'url':
      return injection(placeUrl(target, inject.prefix, value), { name, into: 'url' })
    case 'basic':
      return placeBasic(target, name, inject, revealed)
    case 'sigv4':
      return placeSignature(target, name, inject, revealed, now())
    case 'part_of':
      return ok({ target, injected: [], derived: [] })
  }
}

function injection(
  placed: Result<Target, string>,
  injected: InjectedSecret,
  derived: readonly string[] = [],
): Result<Injection, string> {
  return placed.ok ? ok({ target: placed.value, injected: [injected], derived }) : placed
}

// An upstream that sends the whole request back in Base64 or hexadecimal encodes what was written on
// the wire, not the value.
function asSent(value: string, written: string): readonly string[] {
  return written === value ? [] : [written]
}
