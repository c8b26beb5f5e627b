import { chmodSync, writeFileSync } from 'node:fs'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { identityTokenSource } from '../src/serve/identity-token.js'

let directory: TempDir
beforeEach(() => {
  directory = tempDir()
})
afterEach(() => directory.remove())

test('an identity token is read anew for each use, and looked at each time', () => {
  const file = directory.file('token')
  writeFileSync(file, 'secret-0123456789\n', { mode: 0o600 })
  const source = identityTokenSource({ identityToken: null, identityTokenFile: file })
  if (typeof source !== 'function') throw new Error('no function')
  expect(source()).toBe('secret-0123456789')
  writeFileSync(file, 'another-token')
  expect(source()).toBe('another-token')
  chmodSync(file, 0o644)
  expect(() => source()).toThrow('others can read it')
  expect(identityTokenSource({ identityToken: 'a.b.c', identityTokenFile: null })).toBe('a.b.c')
  expect(identityTokenSource({ identityToken: null, identityTokenFile: null })).toBeNull()
})
