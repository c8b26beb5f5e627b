import { isBuiltin } from 'node:module'
import {
  importsOf,
  packageNameOf,
  type SourceFile,
  targetOf,
  type WorkspacePackage,
} from './import-graph.js'

/**
 * The arrows of design 2, by folder: what the sources of a package may import of ours. A package
 * that is not named here may not exist yet.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  evidence: ['protocol'],
  catalogue: ['protocol'],
  policy: [],
  providers: [],
  sandbox: ['protocol'],
  gate: ['protocol', 'evidence', 'catalogue', 'policy', 'providers', 'sandbox'],
  sdk: ['protocol', 'evidence'],
  cli: ['gate', 'sdk', 'protocol', 'evidence', 'catalogue', 'policy'],
  mcp: ['sdk', 'protocol'],
  examples: ['sdk', 'mcp'],
  testkit: [],
  e2e: [
    'protocol',
    'evidence',
    'catalogue',
    'policy',
    'providers',
    'sandbox',
    'gate',
    'sdk',
    'cli',
    'mcp',
    'testkit',
  ],
}

/** What tests may import besides: doubles for the world outside, and modules to run. */
const TEST_ARROWS: Readonly<Record<string, readonly string[]>> = {
  evidence: ['testkit'],
  catalogue: ['testkit'],
  sandbox: ['providers', 'testkit'],
  gate: ['testkit'],
  sdk: ['testkit'],
  cli: ['testkit'],
  mcp: ['testkit'],
}

/** Sources that run in a browser: everything of these packages but the folder `src/node`. */
const BROWSER_SAFE = ['protocol', 'evidence', 'catalogue']

/** Names that only Node has; types would not stop them, since `@types/node` is always there. */
const NODE_GLOBALS =
  /(?<![\w.'"`/-])(?:Buffer|process|setImmediate|__dirname|__filename|require)\s*[.(]/

/** Imports of our own packages that point the wrong way. */
export function wrongArrows(workspace: readonly WorkspacePackage[]): readonly string[] {
  const folders = new Map(workspace.map((one) => [one.manifest.name, one.folder]))
  return everyImport(workspace, ({ owner, file, specifier }) => {
    const folder = folders.get(packageNameOf(specifier))
    if (folder === undefined || folder === owner.folder) return null
    const test = file.path.startsWith('test/') ? (TEST_ARROWS[owner.folder] ?? []) : []
    const allowed = [...(ARROWS[owner.folder] ?? []), ...test]
    return allowed.includes(folder) ? null : `${owner.folder} may not use ${folder}`
  })
}

/** Relative imports that leave their package, and imports of a package by its own name. */
export function crossings(workspace: readonly WorkspacePackage[]): readonly string[] {
  return everyImport(workspace, ({ owner, file, specifier }) => {
    if (packageNameOf(specifier) === owner.manifest.name) return 'a package imports itself by name'
    if (!specifier.startsWith('.')) return null
    if (targetOf(file, specifier).startsWith('..')) return 'a relative import leaves its package'
    return file.path.startsWith('src/') && !targetOf(file, specifier).startsWith('src/')
      ? 'a source imports what is not a source'
      : null
  })
}

/** Imports of packages that the importing package does not declare. */
export function undeclared(
  workspace: readonly WorkspacePackage[],
  testTools: ReadonlySet<string>,
): readonly string[] {
  return everyImport(workspace, ({ owner, file, specifier }) => {
    if (specifier.startsWith('.') || specifier.startsWith('/') || isBuiltin(specifier)) return null
    const name = packageNameOf(specifier)
    if (Object.hasOwn(owner.manifest.dependencies ?? {}, name)) return null
    const inTest = file.path.startsWith('test/')
    if (inTest && Object.hasOwn(owner.manifest.devDependencies ?? {}, name)) return null
    if (inTest && testTools.has(name)) return null
    return `${name} is not declared by ${owner.folder}/package.json`
  })
}

/** Dependencies at run time that no source of a published package names: everybody would install them. */
export function unusedAtRunTime(workspace: readonly WorkspacePackage[]): readonly string[] {
  return workspace
    .filter((one) => one.manifest.private !== true)
    .flatMap((one) => {
      const sources = one.files.filter((file) => file.path.startsWith('src/'))
      return Object.keys(one.manifest.dependencies ?? {})
        .filter((name) => !sources.some((file) => namesPackage(file.text, name)))
        .map((name) => `${one.folder}/package.json: no source uses ${name}`)
    })
}

/** Our own packages that are imported without being built first. */
export function unreferenced(workspace: readonly WorkspacePackage[]): readonly string[] {
  const folders = new Map(workspace.map((one) => [one.manifest.name, one.folder]))
  return everyImport(workspace, ({ owner, specifier }) => {
    const folder = folders.get(packageNameOf(specifier))
    if (folder === undefined || folder === owner.folder) return null
    if (owner.references.includes(folder)) return null
    return `${owner.folder}/tsconfig.json has no reference to ${folder}`
  })
}

/** What would keep a browser from running the sources that promise to run there. */
export function nodeInBrowserSources(workspace: readonly WorkspacePackage[]): readonly string[] {
  const safe = workspace
    .filter((one) => BROWSER_SAFE.includes(one.folder))
    .map((one) => ({ ...one, files: one.files.filter(isBrowserSafe) }))
  const imports = everyImport(safe, ({ file, specifier }) => {
    if (isBuiltin(specifier)) return 'a module of Node'
    if (specifier.endsWith('/node')) return 'a subpath for Node'
    if (!specifier.startsWith('.')) return null
    return targetOf(file, specifier).startsWith('src/node/') ? 'the half for Node' : null
  })
  const globals = safe.flatMap((one) =>
    one.files
      .filter((file) => NODE_GLOBALS.test(codeOf(file.text)))
      .map((file) => `${one.place}/${file.path}: a global of Node`),
  )
  return [...imports, ...globals]
}

/** Default exports: a name that each importer chooses is a name nobody can search for. */
export function defaultExports(workspace: readonly WorkspacePackage[]): readonly string[] {
  return everyFile(workspace)
    .filter(({ file }) => /^export\s+(?:default\b|\{[^}]*\bdefault\b[^}]*\})/m.test(file.text))
    .map(({ place }) => place)
}

/** Each `index.ts` that no entry of its package's `exports` stands for, and each one missing. */
export function strayIndexes(workspace: readonly WorkspacePackage[]): readonly string[] {
  return workspace.flatMap((one) => {
    const entries = Object.keys(one.manifest.exports ?? {})
      // A program that others may start is no module of the package.
      .filter((entry) => !entry.includes('*') && !entry.startsWith('./bin/'))
      .map((entry) => ['src', ...entry.split('/').slice(1), 'index.ts'].join('/'))
    const present = one.files
      .map((file) => file.path)
      .filter((path) => /(?:^|\/)index\.ts$/.test(path))
    const stray = present.filter((path) => !entries.includes(path))
    const missing = entries.filter((path) => !present.includes(path))
    return [
      ...stray.map((path) => `${one.place}/${path}: not an entry of the package`),
      ...missing.map((path) => `${one.place}/${path}: missing`),
    ]
  })
}

interface Found {
  readonly owner: WorkspacePackage
  readonly file: SourceFile
  readonly specifier: string
}

function everyImport(
  workspace: readonly WorkspacePackage[],
  judge: (found: Found) => string | null,
): readonly string[] {
  return everyFile(workspace).flatMap(({ owner, file, place }) =>
    importsOf(file.text).flatMap((specifier) => {
      const fault = judge({ owner, file, specifier })
      return fault === null ? [] : [`${place}: ${specifier}: ${fault}`]
    }),
  )
}

function everyFile(workspace: readonly WorkspacePackage[]): readonly {
  readonly owner: WorkspacePackage
  readonly file: SourceFile
  readonly place: string
}[] {
  return workspace.flatMap((owner) =>
    owner.files.map((file) => ({ owner, file, place: `${owner.place}/${file.path}` })),
  )
}

// A package may also be loaded by `createRequire`, which is no import.
function namesPackage(text: string, name: string): boolean {
  const isImported = importsOf(text).some((specifier) => packageNameOf(specifier) === name)
  return isImported || text.includes(`(import.meta.url)('${name}')`)
}

function isBrowserSafe(file: SourceFile): boolean {
  return file.path.startsWith('src/') && !file.path.startsWith('src/node/')
}

function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
}
