import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { err, ok, type Result } from '@latchgate/protocol'
import type { Manifest } from '../manifest/manifest.js'
import type { ManifestProblem } from '../manifest/manifest-problem.js'
import { type KnownNames, parseManifest } from '../manifest/parse-manifest.js'
import { readInside } from './manifest-file.js'
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
 * problem refuses the whole set. Names that begin with a dot are passed over: they are what editors
 * and file systems leave behind, and an operator who lists the directory does not see them. A
 * directory that does not exist holds no manifests.
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
    .filter((name) => /^[^.].*\.ya?ml$/s.test(name))
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
  const read = readInside(root, file)
  if (!read.ok) return err([{ file, key: '', ...read.error }])
  const text = decodeUtf8(read.value)
  if (text === null) {
    return err([{ file, key: '', problem: 'not UTF-8', fix: 'save the file as UTF-8' }])
  }
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
