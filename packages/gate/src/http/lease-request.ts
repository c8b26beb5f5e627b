import type { Json, LeaseRequest, Result } from '@latchgate/protocol'
import { isObject } from '../policy/document-reader.js'
import type { Refusal } from '../refusal.js'
import { invalidRequest, knownMembers } from './request-members.js'

/** Scopes that one lease request may name. */
export const MAX_SCOPES = 64

const MEMBERS = ['scopes', 'dpop_jwk', 'budgets', 'fs_root']

/**
 * The body of `POST /v1/leases` (spec/http-api 8.1): unknown top-level members are refused, unknown
 * members of `dpop_jwk` and `budgets` are not looked at, as published clients send them.
 */
export function parseLeaseRequest(json: Json): Result<LeaseRequest, Refusal> {
  const members = knownMembers(json, MEMBERS)
  if (!members.ok) return members
  const { scopes, dpop_jwk: jwk, budgets: asked, fs_root: root = null } = members.value
  if (!Array.isArray(scopes) || !scopes.every((one) => typeof one === 'string')) {
    return invalidRequest(['scopes'], 'scopes must be an array of strings')
  }
  if (scopes.length > MAX_SCOPES) {
    return invalidRequest(['scopes'], `at most ${MAX_SCOPES} scopes`)
  }
  if (!isObject(jwk)) return invalidRequest(['dpop_jwk'], 'dpop_jwk must be an object')
  // RFC 9449 4.3: whoever sends the private key has shown it to everybody on the way.
  if (Object.hasOwn(jwk, 'd'))
    return invalidRequest(['dpop_jwk', 'd'], 'dpop_jwk must not contain a private key')
  const { kty, crv, x, y } = jwk
  if (![kty, crv, x, y].every((one) => typeof one === 'string')) {
    return invalidRequest(['dpop_jwk'], 'dpop_jwk needs the strings kty, crv, x and y')
  }
  const budgets = parseBudgets(asked)
  if (!budgets.ok) return budgets
  if (root !== null && typeof root !== 'string')
    return invalidRequest(['fs_root'], 'fs_root must be a string')
  return {
    ok: true,
    value: {
      scopes: scopes as readonly string[],
      dpop_jwk: { kty: kty as 'EC', crv: crv as 'P-256', x: x as string, y: y as string },
      ...(budgets.value === null ? {} : { budgets: budgets.value }),
      ...(root === null ? {} : { fs_root: root }),
    },
  }
}

function parseBudgets(
  json: Json | undefined,
): Result<{ readonly max_calls: number | null } | null, Refusal> {
  if (json === undefined || json === null) return { ok: true, value: null }
  if (!isObject(json)) return invalidRequest(['budgets'], 'budgets must be an object')
  const calls = json['max_calls'] ?? null
  if (calls === null) return { ok: true, value: { max_calls: null } }
  if (typeof calls !== 'number' || !Number.isSafeInteger(calls) || calls < 0) {
    return invalidRequest(
      ['budgets', 'max_calls'],
      'max_calls must be a whole number of calls, 0 or more',
    )
  }
  return { ok: true, value: { max_calls: calls } }
}
