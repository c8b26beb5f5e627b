import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StartupError } from '../../src/config/posture.js'
import { assertPrivate, assertProtected } from '../../src/config/protected-files.js'

const uid = process.getuid?.() ?? -1
let root: string

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'lgc-')))
  chmodSync(root, 0o700)
})

afterEach(() => {
  rmSync(root, { recursive: true })
})

function file(name: string, mode: number): string {
  const path = join(root, name)
  writeFileSync(path, '')
  chmodSync(path, mode)
  return path
}

function directory(name: string, mode: number): string {
  const path = join(root, name)
  mkdirSync(path)
  chmodSync(path, mode)
  return path
}

function refusal(check: () => void): string | null {
  try {
    check()
    return null
  } catch (error) {
    if (!(error instanceof StartupError)) throw error
    expect(error.code).toBe('production_security_validation_failed')
    return error.message
  }
}

test.each([
  [0o600, null],
  [0o644, null],
  [0o400, null],
  [0o620, '0620'],
  [0o602, '0602'],
  [0o777, '0777'],
])('a protected file with mode %o', (mode, shown) => {
  const path = file('a', mode)
  expect(refusal(() => assertProtected([path], uid))).toBe(
    shown === null
      ? null
      : `${path} has mode ${shown} and can be written by others: run \`chmod go-w ${path}\``,
  )
})

test.each([
  [0o600, null],
  [0o400, null],
  [0o640, '0640'],
  [0o604, '0604'],
])('a private file with mode %o', (mode, shown) => {
  const path = file('a', mode)
  expect(refusal(() => assertPrivate(path, uid))).toBe(
    shown === null ? null : `${path} holds keys and has mode ${shown}: run \`chmod 600 ${path}\``,
  )
})

test('one writable manifest among others is named', () => {
  const manifests = directory('manifests', 0o700)
  file('manifests/good.yaml', 0o644)
  const bad = file('manifests/bad.yaml', 0o666)
  expect(refusal(() => assertProtected([manifests], uid))).toContain(`${bad} has mode 0666`)
})

test('the command that mends a mode can be copied, whatever the name', () => {
  const path = file("the team's own.yaml", 0o664)
  const advised = `'${path.replace("'", "'\\''")}'`
  expect(() => assertProtected([path], uid)).toThrow(`run \`chmod go-w ${advised}\``)
  expect(() => assertPrivate(file('a b', 0o640), uid)).toThrow(`\`chmod 600 '${root}/a b'\``)
})

test('a key in a directory that others can write could be replaced, unless it is sticky', () => {
  const keys = directory('keys', 0o777)
  const key = file('keys/log.key', 0o600)
  expect(refusal(() => assertProtected([key], uid))).toContain(`run \`chmod go-w ${keys}\``)
  chmodSync(keys, 0o1777)
  expect(refusal(() => assertProtected([key], uid))).toBeNull()
})

test('what is not there, and a link that leads nowhere, is no fault', () => {
  const manifests = directory('manifests', 0o700)
  symlinkSync('/nowhere', join(manifests, '.#a.yaml'))
  const missing = join(root, 'missing')
  expect(refusal(() => assertProtected([manifests, missing], uid))).toBeNull()
  expect(refusal(() => assertPrivate(missing, uid))).toBeNull()
})

test('a link is judged by what it leads to', () => {
  const target = file('target', 0o666)
  const link = join(root, 'link')
  symlinkSync(target, link)
  expect(refusal(() => assertProtected([link], uid))).toContain(`${link} has mode 0666`)
})

test("a file of another user is refused, and root's is not", () => {
  const path = file('a', 0o600)
  const message = `${path} belongs to uid ${uid}: it must belong to the gate's uid ${uid + 1} or to root`
  const asOther = refusal(() => assertProtected([path], uid + 1))
  expect(asOther).toBe(uid === 0 ? null : message)
  if (uid !== 0) return
  chownSync(path, 12_345, 12_345)
  expect(refusal(() => assertProtected([path], 0))).toBe(
    `${path} belongs to uid 12345: it must belong to the gate's uid 0 or to root`,
  )
})
