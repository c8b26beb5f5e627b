import { readdirSync, readFileSync, statSync } from 'node:fs'
import { tempDir } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { replaceFile, writeNewFile } from '../src/durable-file.js'

function place(): ReturnType<typeof tempDir> {
  const directory = tempDir()
  onTestFinished(() => directory.remove())
  return directory
}

test('a new file is whole, for its owner alone, and nothing lies beside it', () => {
  const directory = place()
  const bytes = Buffer.alloc(300_000, 7)
  writeNewFile(directory.file('key'), bytes)
  expect(readFileSync(directory.file('key')).equals(bytes)).toBe(true)
  expect(statSync(directory.file('key')).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory.path)).toEqual(['key'])
})

test('a name that is taken stays as it is, and the loser leaves nothing behind', () => {
  const directory = place()
  writeNewFile(directory.file('key'), Buffer.from('first'))
  expect(() => writeNewFile(directory.file('key'), Buffer.from('second'))).toThrow(/EEXIST/)
  expect(readFileSync(directory.file('key'), 'utf8')).toBe('first')
  expect(readdirSync(directory.path)).toEqual(['key'])
})

test('bytes that cannot be written leave neither the file nor half of it', () => {
  const directory = place()
  const broken = 5 as unknown as Uint8Array
  expect(() => writeNewFile(directory.file('key'), broken)).toThrow()
  expect(readdirSync(directory.path)).toEqual([])
})

test('a replaced file has the new bytes and mode 0600', () => {
  const directory = place()
  writeNewFile(directory.file('keys'), Buffer.from('old'))
  replaceFile(directory.file('keys'), Buffer.from('new'))
  expect(readFileSync(directory.file('keys'), 'utf8')).toBe('new')
  expect(statSync(directory.file('keys')).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory.path)).toEqual(['keys'])
})
