import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type TempDir, tempDir } from '@latchgate/testkit'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const PACKAGES = fileURLToPath(new URL('../../../', import.meta.url))

/** A project that has installed what would be published: the packed files, not those of the tree. */
export interface PackedProject {
  readonly directory: TempDir
  /** `latchgate-<version>.tgz`. */
  readonly tarball: Uint8Array
  /** Where `latchgate` is installed. */
  readonly installed: string
}

/** Packs the SDK and what it brings of ours, and installs it without a registry. */
export async function packedProject(): Promise<PackedProject> {
  const directory = tempDir()
  const modules = directory.file('node_modules')
  mkdirSync(`${modules}/@latchgate`, { recursive: true })
  mkdirSync(`${modules}/@types`)
  const [tarball] = await Promise.all([
    install('sdk', `${modules}/latchgate`, directory),
    install('protocol', `${modules}/@latchgate/protocol`, directory),
    install('evidence', `${modules}/@latchgate/evidence`, directory),
  ])
  for (const name of ['undici', '@types/node']) {
    symlinkSync(dirname(require.resolve(`${name}/package.json`)), `${modules}/${name}`)
  }
  writeFileSync(directory.file('package.json'), '{ "type": "module" }')
  return { directory, tarball, installed: `${modules}/latchgate` }
}

async function install(folder: string, to: string, directory: TempDir): Promise<Uint8Array> {
  const place = directory.file(folder)
  mkdirSync(place)
  const pack = ['pack', '--offline', '--json', '--pack-destination', place]
  const { stdout } = await run('npm', pack, { cwd: PACKAGES + folder })
  const [packed] = JSON.parse(stdout) as [{ filename: string }]
  const file = `${place}/${packed.filename}`
  await run('tar', ['-xzf', file, '-C', place])
  renameSync(`${place}/package`, to)
  return readFileSync(file)
}
