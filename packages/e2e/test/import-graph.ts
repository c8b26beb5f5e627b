import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'

/** One TypeScript file of a package; `path` is relative to the package, with forward slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** The members of a package.json that the rules look at. */
export interface PackageManifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** A workspace package as its author wrote it. */
export interface WorkspacePackage {
  /** Folder under `packages/`, or `examples`. */
  readonly folder: string
  /** That folder relative to the repository. */
  readonly place: string
  readonly manifest: PackageManifest
  /** Folders of packages that its tsconfig.json refers to. */
  readonly references: readonly string[]
  readonly files: readonly SourceFile[]
}

/** Reads every package of the workspace at `root`, in the order of the folders' names; examples last. */
export function readWorkspace(root: string): readonly WorkspacePackage[] {
  const folders = readdirSync(join(root, 'packages')).map((folder) => `packages/${folder}`)
  return [...folders, 'examples']
    .filter((place) => existsSync(join(root, place, 'package.json')))
    .map((place) => readPackage(root, place))
}

/** Reads a JSON file of the repository: our own, so it is taken at its word. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

function readPackage(root: string, place: string): WorkspacePackage {
  const directory = join(root, place)
  const tsconfig = readJson<{ references: readonly { path: string }[] }>(
    join(directory, 'tsconfig.json'),
  )
  return {
    folder: basename(place),
    place,
    manifest: readJson<PackageManifest>(join(directory, 'package.json')),
    references: tsconfig.references.map((reference) => basename(reference.path)),
    files: sourceFolders(directory, place).flatMap((folder) =>
      readSources(directory, join(directory, folder)),
    ),
  }
}

// Each example is a folder of its own: what a newcomer copies.
function sourceFolders(directory: string, place: string): readonly string[] {
  if (place !== 'examples') return ['src', 'test']
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['dist', 'node_modules'].includes(entry.name))
    .map((entry) => entry.name)
}

function readSources(directory: string, folder: string): SourceFile[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return readSources(directory, path)
    if (!entry.name.endsWith('.ts')) return []
    const name = relative(directory, path).split(sep).join('/')
    return [{ path: name, text: readFileSync(path, 'utf8') }]
  })
}

const IMPORTS = [
  // Statements begin at the left margin: biome sees to it, so text inside a string does not count.
  /^import\s+(?:[\w$*{},\s]+\s+from\s+)?['"]([^'"]+)['"]/gm,
  /^export\s+(?:type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)\s+from\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
  /\bcreateRequire\([^)]*\)\(\s*['"]([^'"]+)['"]/g,
  /\brequire(?:\.resolve)?\(\s*['"]([^'"]+)['"]/g,
]

/** Every module that a source names: static and dynamic imports, type imports, re-exports. */
export function importsOf(text: string): readonly string[] {
  const found = IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]))
  return [...new Set(found)].filter((specifier) => specifier !== undefined)
}

/** The package that a bare specifier belongs to: `@scope/name` or `name`, without the subpath. */
export function packageNameOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Where a relative import of `file` leads, relative to the package; `..` first when it leaves it. */
export function targetOf(file: SourceFile, specifier: string): string {
  const base = resolve('/package', file.path, '..')
  return relative('/package', resolve(base, specifier)).split(sep).join('/')
}
