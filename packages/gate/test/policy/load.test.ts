import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StartupError } from '../../src/config/posture.js'
import { validatePolicyData } from '../../src/policy/data-document.js'
import { loadPolicyFile } from '../../src/policy/load.js'
import { assertWildcardAcl } from '../../src/policy/wildcard-rule.js'
import { data } from './request.js'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latchgate-data-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('a document on disk is read, and no document is none', () => {
  const path = join(directory, 'data.json')
  expect(loadPolicyFile(path)).toBeNull()
  writeFileSync(path, JSON.stringify(data))
  expect(loadPolicyFile(path)?.data).toEqual(validatePolicyData(data))
})

test('a document that cannot be read or is not valid stops the start, naming the file', () => {
  expect(() => loadPolicyFile(directory)).toThrow(StartupError)
  const path = join(directory, 'data.json')
  writeFileSync(path, '{"acl": {}}')
  expect(() => loadPolicyFile(path)).toThrow(`${path}: policy data: \`policy_version\` is missing`)
})

test('a wildcard that gives everybody actions of high risk stops the start, naming them', () => {
  const everybody = { allowed_actions: ['a', 'b', 'c'], allowed_sinks: [] }
  const document = validatePolicyData({ policy_version: 'v1', acl: { '*': everybody } })
  expect(() => assertWildcardAcl(document, ['b', 'c', 'd'])).toThrow(
    /actions of high risk \(b, c\)/,
  )
  expect(() => assertWildcardAcl(document, ['d'])).not.toThrow()
})
