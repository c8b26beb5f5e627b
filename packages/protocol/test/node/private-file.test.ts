import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readPrivateFile } from '../../src/node/private-file.js'

const SECRET = 'secret-0123456789'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lg-private-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function secret(mode = 0o600): string {
  const file = join(directory, 'secret')
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
  symlinkSync(file, join(directory, 'link'))
  expect(readPrivateFile('the token file', file)).toBe(`${SECRET}\n`)
  expect(readPrivateFile('the token file', join(directory, 'link'))).toBe(`${SECRET}\n`)
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
  mkdirSync(join(directory, 'd'), { mode: 0o700 })
  expect(refusal(join(directory, 'd'))).toContain('it is not a regular file')
  expect(refusal('/dev/null')).toContain('it is not a regular file')
  // Opening it must not wait for a writer.
  execFileSync('mkfifo', ['-m', '600', join(directory, 'p')])
  expect(refusal(join(directory, 'p'))).toContain('it is not a regular file')
  expect(refusal(join(directory, 'gone'))).toContain('(ENOENT): there is no such file')
  const large = join(directory, 'large')
  writeFileSync(large, 'x'.repeat(16 * 1024 + 1), { mode: 0o600 })
  expect(refusal(large)).toContain('it has 16385 bytes, more than 16384')
})
