import type { Json, JsonObject, LeaseRequest, Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'

/** Scopes that one lease request may name. */
export const MAX_SCOPES = 64

const MEMBERS = new Set(['scopes', 'dpop_jwk', 'budgets', 'fs_root'])

/**
 * The body of `POST /v1/leases` (spec/http-api 8.1): unknown top-level members are refused, unknown
 * members of `dpop_jwk` and `budgets` are not looked at, as published clients send them.
 */
export function parseLeaseRequest(json: Json): Result<LeaseRequest, Refusal> {
  if (!isObject(json)) return bad('', 'the body must be a JSON object')
  const unknown = Object.keys(json).find((member) => !MEMBERS.has(member))
  if (unknown !== undefined) {
    return bad(`/${unknown}`, `unknown member '${unknown}': scopes, dpop_jwk, budgets, fs_root`)
  }
  const scopes = json['scopes']
  if (!Array.isArray(scopes) || !scopes.every((one) => typeof one === 'string')) {
    return bad('/scopes', 'scopes must be an array of strings')
  }
  if (scopes.length > MAX_SCOPES) return bad('/scopes', `at most ${MAX_SCOPES} scopes`)
  const jwk = json['dpop_jwk']
  if (!isObject(jwk)) return bad('/dpop_jwk', 'dpop_jwk must be an object')
  // RFC 9449 4.3: whoever sends the private key has shown it to everybody on the way.
  if (Object.hasOwn(jwk, 'd')) return bad('/dpop_jwk/d', 'dpop_jwk must not contain a private key')
  const { kty, crv, x, y } = jwk
  if (![kty, crv, x, y].every((one) => typeof one === 'string')) {
    return bad('/dpop_jwk', 'dpop_jwk needs the strings kty, crv, x and y')
  }
  const budgets = parseBudgets(json['budgets'])
  if (!budgets.ok) return budgets
  const root = json['fs_root'] ?? null
  if (root !== null && typeof root !== 'string') return bad('/fs_root', 'fs_root must be a string')
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
  if (!isObject(json)) return bad('/budgets', 'budgets must be an object')
  const calls = json['max_calls'] ?? null
  if (calls === null) return { ok: true, value: { max_calls: null } }
  if (typeof calls !== 'number' || !Number.isSafeInteger(calls) || calls < 0) {
    return bad('/budgets/max_calls', 'max_calls must be a whole number of calls, 0 or more')
  }
  return { ok: true, value: { max_calls: calls } }
}

function bad(path: string, message: string): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: refuse('invalid_request', { message, body: { path }, status: 422 }) }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
