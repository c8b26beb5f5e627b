import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tempDir } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import { inspectSocket, prepareSocketDirectory } from '../../src/http/sockets.js'

test('a directory that cannot be made is named, with the variable that may lead there', () => {
  const temp = tempDir()
  try {
    writeFileSync(temp.file('in-the-way'), '')
    const directory = temp.file('in-the-way/latchgate')
    expect(() =>
      prepareSocketDirectory(`${directory}/gate.sock`, process.getuid?.() ?? -1, undefined),
    ).toThrow(
      expect.objectContaining({
        code: 'client_uds_failed',
        message:
          `the socket's directory ${directory} cannot be made (ENOTDIR: not a directory, mkdir ` +
          `'${directory}'): if XDG_RUNTIME_DIR is another user's, unset it; otherwise set ` +
          '`listen_uds_path` and `listen_admin_uds_path`',
      }),
    )
  } finally {
    temp.remove()
  }
})

const UID = process.getuid?.() ?? -1

test('a look at a socket refuses what its making refuses, and makes nothing', () => {
  const temp = tempDir()
  try {
    mkdirSync(temp.file('open'))
    chmodSync(temp.file('open'), 0o755)
    mkdirSync(temp.file('own'), { mode: 0o700 })
    symlinkSync(temp.file('own'), temp.file('link'))
    symlinkSync(temp.file('nowhere'), temp.file('dangling'))
    writeFileSync(temp.file('file'), '')
    const before = readdirSync(temp.path)
    const cases: readonly (readonly [string, RegExp | null])[] = [
      ['own/gate.sock', null],
      ['new/below/gate.sock', null],
      ['open/gate.sock', /has mode 0755: run `chmod 700 /],
      ['link/gate.sock', /is not a directory \(a symbolic link\?\)/],
      ['dangling/gate.sock', /dangling/],
      ['file/gate.sock', /is not a directory/],
      ['file/below/gate.sock', /cannot be made .*not a directory/],
      [`own/${'x'.repeat(107)}`, /is longer than 107 bytes/],
    ]
    for (const [name, refusal] of cases) {
      const look = (): void => inspectSocket(temp.file(name), UID, undefined)
      if (refusal === null) look()
      else expect(look, name).toThrow(refusal)
    }
    expect(readdirSync(temp.path)).toEqual(before)
    for (const [name, refusal] of cases) {
      const make = (): void => prepareSocketDirectory(temp.file(name), UID, undefined)
      if (refusal === null) make()
      else expect(make, name).toThrow()
    }
  } finally {
    temp.remove()
  }
})

test('a look at a socket refuses a group that does not exist, and a file in its place', () => {
  const temp = tempDir()
  try {
    mkdirSync(temp.file('own'), { mode: 0o700 })
    writeFileSync(temp.file('own/gate.sock'), '')
    expect(() => inspectSocket(temp.file('own/gate.sock'), UID, undefined)).toThrow(
      'exists and is not a socket',
    )
    expect(() => inspectSocket(temp.file('own/a.sock'), UID, 'no-such-group')).toThrow(
      "no group named 'no-such-group'",
    )
  } finally {
    temp.remove()
  }
})
