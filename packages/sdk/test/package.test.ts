import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)

test('the package holds the code, its types, the README and the licence, and nothing else', async () => {
  // Offline: the list is made from the files alone.
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--offline'], {
    cwd: PACKAGE,
  })
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  const sources = readdirSync(new URL('../../src', import.meta.url)).map((name) =>
    name.replace(/\.ts$/, ''),
  )
  expect(packed.files.map((file) => file.path).toSorted()).toEqual(
    [
      'LICENSE',
      'README.md',
      'package.json',
      ...sources.flatMap((name) => [`dist/src/${name}.js`, `dist/src/${name}.d.ts`]),
    ].toSorted(),
  )
})
