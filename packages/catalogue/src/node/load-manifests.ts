import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { err, ok, type Result } from '@latchgate/protocol'
import type { Manifest } from '../manifest/manifest.js'
import type { ManifestProblem } from '../manifest/manifest-problem.js'
import { type KnownNames, parseManifest } from '../manifest/parse-manifest.js'
import { schemaReader } from './schema-file.js'

/** Providers that the manifests of this package use. */
const BUILTIN_PROVIDERS: readonly string[] = ['builtin:http_api']

/** The directory of the manifests that come with the catalogue. */
export function builtinManifestDirectory(): string {
  return fileURLToPath(new URL('../../../actions', import.meta.url))
}

/** The actions that come with the catalogue, sorted by id. Throws when one of them is not valid. */
export function loadBuiltinManifests(): readonly Manifest[] {
  const directory = builtinManifestDirectory()
  const loaded = loadManifestDirectory(directory, {
    providers: BUILTIN_PROVIDERS,
    schemasTested: true,
  })
  if (loaded.ok) return loaded.value
  const lines = loaded.error.map(({ file, key, problem }) => `${file}: ${key}: ${problem}`)
  throw new Error(`the built-in catalogue is damaged: ${lines.join('; ')}`)
}

/**
 * Loads every `.yaml` and `.yml` file directly in a directory (actions spec 3.2), sorted by id. One
 * problem refuses the whole set. A directory that does not exist holds no manifests.
 */
export function loadManifestDirectory(
  directory: string,
  known: Omit<KnownNames, 'readSchema'>,
): Result<readonly Manifest[], readonly ManifestProblem[]> {
  const stat = statSync(directory, { throwIfNoEntry: false })
  if (stat === undefined) return ok([])
  if (!stat.isDirectory()) {
    const problem = 'not a directory'
    return err([{ file: directory, key: '', problem, fix: 'set manifests_dir to a directory' }])
  }
  const root = realpathSync(directory)
  const names = readdirSync(root)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
  const problems: ManifestProblem[] = []
  const manifests = new Map<string, { readonly manifest: Manifest; readonly file: string }>()
  for (const name of names) {
    const file = join(root, name)
    const loaded = loadFile(root, file, known)
    if (!loaded.ok) {
      problems.push(...loaded.error)
      continue
    }
    const { action_id } = loaded.value
    const other = manifests.get(action_id)
    if (other === undefined) manifests.set(action_id, { manifest: loaded.value, file })
    else {
      const problem = `duplicate action_id '${action_id}': '${other.file}' declares it as well`
      problems.push({ file, key: 'action_id', problem, fix: 'remove or rename one of the two' })
    }
  }
  if (problems.length > 0) return err(problems)
  const loaded = [...manifests.values()].map((entry) => entry.manifest)
  return ok(loaded.sort((a, b) => (a.action_id < b.action_id ? -1 : 1)))
}

function loadFile(
  root: string,
  file: string,
  known: Omit<KnownNames, 'readSchema'>,
): Result<Manifest, readonly ManifestProblem[]> {
  const fault = (problem: string, fix: string): Result<never, readonly ManifestProblem[]> =>
    err([{ file, key: '', problem, fix }])
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return fault('a link that leads nowhere', 'remove it')
  // A link out of the directory would let whoever owns its target change what the gate may do.
  const real = realpathSync(file)
  if (!real.startsWith(root + sep)) {
    return fault(`the file leads out of the directory, to ${real}`, 'copy the file instead')
  }
  if (!stat.isFile()) return fault('not a regular file', 'remove it, or rename it')
  const text = decodeUtf8(readFileSync(real))
  if (text === null) return fault('not UTF-8', 'save the file as UTF-8')
  return parseManifest(text, file, { ...known, readSchema: schemaReader(root) })
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}
