import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Rule that is compiled, and evaluated by the gate (spec/pipeline 5.3). */
export const ENTRYPOINT = 'latchgate/decision'

/** Version of the `opa` on the path, or null when there is none. */
export function opaVersion(): string | null {
  try {
    const text = execFileSync('opa', ['version'], { encoding: 'utf8' })
    return /^Version: (\S+)$/m.exec(text)?.[1] ?? null
  } catch (error) {
    // EACCES: a directory of the path, or the file, that this user may not use.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return null
    throw error
  }
}

/** Runs the Rego tests; throws with OPA's report when one fails. */
export function testRego(directory: string): string {
  return execFileSync('opa', ['test', directory], { encoding: 'utf8' })
}

/** Compiles `latchgate.rego` to the module that the gate runs. The same source gives the same bytes. */
export function compileRego(source: string): Uint8Array {
  const scratch = mkdtempSync(join(tmpdir(), 'latchgate-policy-'))
  try {
    const bundle = join(scratch, 'bundle.tar.gz')
    execFileSync('opa', ['check', '--strict', source])
    // The module holds the path of its source as it was given: the same wherever this tree lies.
    const options = { cwd: dirname(source) }
    const rules = basename(source)
    execFileSync('opa', ['build', '-t', 'wasm', '-e', ENTRYPOINT, '-o', bundle, rules], options)
    return fileOfTar(gunzipSync(readFileSync(bundle)), '/policy.wasm')
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

// POSIX ustar: 512-byte headers, name at 0, size in octal at 124, contents padded to 512.
function fileOfTar(archive: Uint8Array, wanted: string): Uint8Array {
  const text = (from: number, bytes: number): string =>
    Buffer.from(archive.subarray(from, from + bytes))
      .toString('latin1')
      .replace(/\0.*$/s, '')
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8)
    if (text(at, 100) === wanted)
      return Uint8Array.from(archive.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  throw new Error(`the bundle of opa has no ${wanted}`)
}
