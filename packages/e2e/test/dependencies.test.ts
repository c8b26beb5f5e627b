import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type PackageManifest, readJson, readWorkspace } from './import-graph.js'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const LOCKED = readJson<{ packages: Readonly<Record<string, Locked>> }>(
  `${ROOT}package-lock.json`,
).packages
const ROOT_MANIFEST = readJson<PackageManifest>(`${ROOT}package.json`)
const MANIFESTS = [ROOT_MANIFEST, ...readWorkspace(ROOT).map((one) => one.manifest)]
const OURS = new Set(MANIFESTS.map((manifest) => manifest.name))
const DECLARED = MANIFESTS.flatMap((manifest) =>
  Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).map(
    ([name, version]) => ({ by: manifest.name, name, version }),
  ),
)

test('every dependency is pinned to one release', () => {
  expect(DECLARED.length).toBeGreaterThan(30)
  expect(DECLARED.filter(({ version }) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
})

test('all packages share one version and depend on each other at that version', () => {
  const version = ROOT_MANIFEST.version
  expect(MANIFESTS.filter((manifest) => manifest.version !== version)).toEqual([])
  expect(DECLARED.filter((one) => OURS.has(one.name) && one.version !== version)).toEqual([])
})

test('each published package carries the licence and a page about itself', () => {
  const published = readWorkspace(ROOT).filter(({ manifest }) => manifest.private !== true)
  expect(published.length).toBeGreaterThan(8)
  const licence = readFileSync(`${ROOT}LICENSE`, 'utf8')
  for (const { folder } of published) {
    expect(readFileSync(`${ROOT}packages/${folder}/LICENSE`, 'utf8'), folder).toBe(licence)
    expect(readFileSync(`${ROOT}packages/${folder}/README.md`, 'utf8'), folder).toMatch(/^# /)
  }
})

// Of two compilers the SDK's types must suit both, and one alone has the interface that typedoc calls.
const IN_TWO_VERSIONS = ['typescript']

test('a dependency has the same version wherever it is declared', () => {
  const versions = new Map<string, Set<string>>()
  for (const { name, version } of DECLARED) {
    versions.set(name, (versions.get(name) ?? new Set()).add(version))
  }
  expect([...versions].filter(([, all]) => all.size > 1).map(([name]) => name)).toEqual(
    IN_TWO_VERSIONS,
  )
})

// npm 11 refuses `npm ci` with EUSAGE when a platform's optional binary is absent from the lock
// file, which happens when the lock was made against a registry that does not carry it.
test('the lock file names the optional packages of every platform', () => {
  const missing = Object.entries(LOCKED).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => LOCKED[`${path}/node_modules/${name}`] === undefined)
      .filter((name) => LOCKED[`node_modules/${name}`] === undefined)
      .map((name) => `${path}: ${name}`),
  )
  expect(missing).toEqual([])
})

test('the lock file sends nobody to another registry than their own', () => {
  const elsewhere = Object.entries(LOCKED).filter(
    ([, entry]) => entry.link !== true && entry.resolved !== undefined,
  )
  expect(elsewhere).toEqual([])
})

test('only the packages known to ship their binaries have an install script', () => {
  const scripted = Object.entries(LOCKED)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => path)
  expect(scripted).toEqual(['node_modules/@photostructure/sqlite', 'node_modules/koffi'])
})

test('DEPENDENCIES.md has a row with name and version for each dependency, and no other', () => {
  const text = readFileSync(`${ROOT}DEPENDENCIES.md`, 'utf8')
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (\d[^ ]*) \|/gm)].map(
    ([, name, version]) => `${name} ${version}`,
  )
  const foreign = DECLARED.filter(({ name }) => !OURS.has(name))
  const wanted = new Set(foreign.map(({ name, version }) => `${name} ${version}`))
  expect([...rows].sort()).toEqual([...wanted].sort())
})
