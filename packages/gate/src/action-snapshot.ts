import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import {
  ActionRegistry,
  type Manifest,
  type ManifestProblem,
  normalizedManifest,
} from '@latchgate/catalogue'
import { loadBuiltinManifests, loadManifestDirectory } from '@latchgate/catalogue/node'
import { digest } from '@latchgate/protocol/node'
import type { RegisteredModule } from '@latchgate/sandbox'
import { StartupError } from './config/posture.js'
import type { ActionSnapshot, RegisteredAction } from './registered-action.js'

/** Modules that can run, by the name a manifest uses: `builtin:http_api` or `sha256:…`. */
export type ModulesByName = ReadonlyMap<string, RegisteredModule>

/**
 * Loads every manifest, the directory's over the built-in ones, and binds each to its module. One bad
 * manifest refuses the whole set: an operator must not run with half of what he wrote.
 */
export function loadActions(directory: string, modules: ModulesByName): ActionSnapshot {
  const all = [...loadManifests(directory, [...modules.keys()]).values()]
  const built = ActionRegistry.build(all.map((entry) => entry.manifest))
  if (!built.ok) throw new ManifestsRefused(built.error)
  return { actions: new Map(all.map((entry) => register(built.value, modules, entry))) }
}

/**
 * The manifests of a gate by action, the directory's over the built-in ones. Throws
 * `ManifestsRefused`. `providers` are the names of the modules that can run.
 */
export function loadManifests(
  directory: string,
  providers: readonly string[],
): ReadonlyMap<string, ManifestOf> {
  const manifests = new Map<string, ManifestOf>()
  for (const manifest of loadBuiltinManifests()) {
    manifests.set(manifest.action_id, { manifest, source: 'embedded' })
  }
  if (existsSync(directory)) {
    const loaded = loadManifestDirectory(directory, { providers })
    if (!loaded.ok) throw new ManifestsRefused(loaded.error)
    for (const manifest of loaded.value) {
      manifests.set(manifest.action_id, { manifest, source: directory })
    }
  }
  return manifests
}

/** The manifest directory holds something that cannot be used. */
export class ManifestsRefused extends StartupError {
  readonly problems: readonly ManifestProblem[]

  constructor(problems: readonly ManifestProblem[]) {
    super(
      'registry_load_failed',
      problemLines(problems, (file) => file),
    )
    this.problems = problems
  }

  /** The message for answers, which do not tell where on the machine a file lies. */
  get withoutPaths(): string {
    return problemLines(this.problems, (file) => basename(file))
  }
}

interface ManifestOf {
  readonly manifest: Manifest
  readonly source: string
}

function register(
  registry: ActionRegistry,
  modules: ModulesByName,
  entry: ManifestOf,
): readonly [string, RegisteredAction] {
  const { manifest, source } = entry
  const action = registry.get(manifest.action_id)
  const module = modules.get(manifest.provider)
  if (action === undefined || module === undefined) {
    throw new ManifestsRefused([
      {
        file: source,
        key: 'provider_module_digest',
        problem: `no module for '${manifest.provider}' (action ${manifest.action_id})`,
        fix: `use one of ${[...modules.keys()].join(', ')}`,
      },
    ])
  }
  const undeclared = module.imports.filter((one) => !manifest.required_imports.includes(one))
  if (undeclared.length > 0) {
    throw new ManifestsRefused([
      {
        file: source,
        key: 'required_imports',
        problem: `the module of ${manifest.action_id} imports ${undeclared.join(', ')} undeclared`,
        fix: 'declare it, or use a module that does not need it',
      },
    ])
  }
  const actionDigest = digest(normalizedManifest(manifest))
  const registered = { action, manifest, actionDigest, moduleDigest: module.digest, source }
  return [manifest.action_id, registered]
}

function problemLines(
  problems: readonly ManifestProblem[],
  name: (file: string) => string,
): string {
  return problems
    .map(
      ({ file, key, problem, fix }) =>
        `${name(file)}: ${key === '' ? '' : `${key}: `}${problem} (${fix})`,
    )
    .join('; ')
}
