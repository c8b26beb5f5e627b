import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  readSettingsFile,
  removeSettingsFile,
  replaceSettingsFile,
} from '../src/install/settings-file.js'

let directory: TempDir
let file: string
beforeEach(() => {
  directory = tempDir()
  file = directory.file('mcp.json')
})
afterEach(() => directory.remove())

const TRY_AGAIN = 'was changed by somebody else just now: try again'

test('what the client has written meanwhile is not written over, and nothing is left behind', () => {
  writeFileSync(file, '{"a":1}')
  const read = readSettingsFile(file)
  writeFileSync(file, '{"a":2}')
  expect(() => replaceSettingsFile(read, Buffer.from('{"b":1}'))).toThrow(TRY_AGAIN)
  expect(() => removeSettingsFile(read)).toThrow(TRY_AGAIN)
  expect(readFileSync(file, 'utf8')).toBe('{"a":2}')
  expect(readdirSync(directory.path)).toEqual(['mcp.json'])
})

test('a file that came or went meanwhile is one that was changed', () => {
  const none = readSettingsFile(file)
  writeFileSync(file, '{}')
  expect(() => replaceSettingsFile(none, Buffer.from('{"b":1}'))).toThrow(TRY_AGAIN)
  const there = readSettingsFile(file)
  rmSync(file)
  expect(() => replaceSettingsFile(there, Buffer.from('{"b":1}'))).toThrow(TRY_AGAIN)
  expect(readdirSync(directory.path)).toEqual([])
})
