import { describe, expect, test } from 'vitest'
import {
  ERROR_CODES,
  type ErrorCode,
  EXECUTION_ERRORS,
  type ExecutionErrorType,
  errorCodeEntry,
  failureClassOf,
  isErrorCode,
  isExecutionErrorType,
} from '../src/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly statuses: Readonly<Record<string, number>>
  readonly retry_after_seconds: Readonly<Record<string, number>>
}

const vectors = loadVectors<Vectors>('error-codes')
const codes = Object.keys(ERROR_CODES) as ErrorCode[]
const sentence = /^[A-Z][^\n]{8,90}\.$/

describe('codes', () => {
  test.each(Object.entries(vectors.statuses))('%s is %i', (code, status) => {
    expect(isErrorCode(code)).toBe(true)
    expect(errorCodeEntry(code as ErrorCode).status).toBe(status)
  })

  test('no code is in the table that the specification and the design do not know', () => {
    const own = [
      'approval_denied',
      'approval_pending',
      'approver_not_eligible',
      'attestation_invalid',
      'attestation_mismatch',
      'policy_changed',
      'too_many_pending_approvals',
    ]
    expect(codes.filter((code) => !(code in vectors.statuses)).sort()).toEqual(own)
  })

  test('every status that asks the caller to wait says how long', () => {
    const waits = codes.filter((code) => errorCodeEntry(code).retryAfterSeconds !== undefined)
    const tooMany = codes.filter((code) => errorCodeEntry(code).status === 429)
    expect(tooMany.filter((code) => !waits.includes(code))).toEqual([])
    for (const [code, seconds] of Object.entries(vectors.retry_after_seconds)) {
      expect([code, errorCodeEntry(code as ErrorCode).retryAfterSeconds]).toEqual([code, seconds])
    }
  })

  test('every meaning is one sentence and no two are the same', () => {
    const meanings = codes.map((code) => ERROR_CODES[code].meaning)
    for (const meaning of meanings) expect(meaning).toMatch(sentence)
    expect(new Set(meanings).size).toBe(meanings.length)
  })

  test('a name of Object.prototype is no code', () => {
    for (const name of ['toString', '__proto__', 'constructor', '']) {
      expect(isErrorCode(name)).toBe(false)
      expect(isExecutionErrorType(name)).toBe(false)
    }
  })
})

describe('execution errors', () => {
  const types = Object.keys(EXECUTION_ERRORS) as ExecutionErrorType[]

  test('all types of design 14 are there', () => {
    const settled = [
      'provider_error',
      'upstream_unreachable',
      'upstream_timeout',
      'upstream_protocol',
      'response_too_large',
      'response_schema',
      'fuel_exhausted',
      'memory_limit',
      'depth_limit',
      'wall_clock',
      'trap',
      'io_budget',
      'plan_mismatch',
      'egress_denied',
    ]
    for (const type of settled) expect([type, isExecutionErrorType(type)]).toEqual([type, true])
  })

  test('every type has a failure class that published clients know, and a sentence', () => {
    const known = ['provider_error', 'timeout', 'policy_violation', 'cancelled', 'internal_error']
    for (const type of types) {
      expect(known).toContain(failureClassOf(type))
      expect(EXECUTION_ERRORS[type].meaning).toMatch(sentence)
    }
    expect(failureClassOf('wall_clock')).toBe('timeout')
    expect(failureClassOf('upstream_timeout')).toBe('timeout')
    expect(failureClassOf('plan_mismatch')).toBe('policy_violation')
  })
})
