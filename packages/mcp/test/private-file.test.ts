import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readPrivateFile } from '../src/private-file.js'
import { identityTokenSource } from '../src/serve/identity-token.js'

const SECRET = 'secret-0123456789'

let directory: TempDir
beforeEach(() => {
  directory = tempDir()
})
afterEach(() => directory.remove())

function secret(mode = 0o600): string {
  const file = directory.file('secret')
  writeFileSync(file, `${SECRET}\n`)
  chmodSync(file, mode)
  return file
}

function refusal(path: string): string {
  try {
    readPrivateFile('the token file', path)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was read')
}

test('a file that is ours alone is read, through a link too', () => {
  const file = secret(0o400)
  symlinkSync(file, directory.file('link'))
  expect(readPrivateFile('the token file', file)).toBe(`${SECRET}\n`)
  expect(readPrivateFile('the token file', directory.file('link'))).toBe(`${SECRET}\n`)
})

test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o666])(
  'mode %o is refused, with the remedy',
  (mode) => {
    const file = secret(mode)
    expect(refusal(file)).toBe(
      `refusing the token file ${file}: others can read it (mode 0${mode.toString(8)}): chmod 600 ${file}`,
    )
  },
)

test.runIf(process.getuid?.() === 0)('a file of another user is refused', () => {
  const file = secret()
  chownSync(file, 12_345, 12_345)
  expect(refusal(file)).toBe(
    `refusing the token file ${file}: it belongs to uid 12345, and this is uid 0`,
  )
})

test('what is no file, what is too large, and what is not there', () => {
  mkdirSync(directory.file('d'), { mode: 0o700 })
  expect(refusal(directory.file('d'))).toContain('it is not a regular file')
  expect(refusal('/dev/null')).toContain('it is not a regular file')
  expect(refusal(directory.file('gone'))).toContain('(ENOENT): there is no such file')
  const large = directory.file('large')
  writeFileSync(large, 'x'.repeat(16 * 1024 + 1), { mode: 0o600 })
  expect(refusal(large)).toContain('it has 16385 bytes, more than 16384')
})

test('an identity token is read anew for each use, and looked at each time', () => {
  const file = secret()
  const source = identityTokenSource({ identityToken: null, identityTokenFile: file })
  if (typeof source !== 'function') throw new Error('no function')
  expect(source()).toBe(SECRET)
  writeFileSync(file, 'another-token')
  expect(source()).toBe('another-token')
  chmodSync(file, 0o644)
  expect(() => source()).toThrow('others can read it')
  expect(identityTokenSource({ identityToken: 'a.b.c', identityTokenFile: null })).toBe('a.b.c')
  expect(identityTokenSource({ identityToken: null, identityTokenFile: null })).toBeNull()
})
