import { writeFileSync } from 'node:fs'
import { tempDir } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import { prepareSocketDirectory } from '../../src/http/sockets.js'

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
