import { createSandbox } from '@latchgate/sandbox'
import { loadActions } from './action-snapshot.js'
import { registerModules } from './provider-modules.js'
import type { ActionSnapshot } from './registered-action.js'

/** What start-up would register, and the digests of the modules behind it. */
export interface InspectedActions {
  readonly snapshot: ActionSnapshot
  /** Name, as manifests use it, → digest. */
  readonly modules: ReadonlyMap<string, string>
}

/**
 * Loads manifests and modules exactly as a start does, and lets them go again. Throws `StartupError`
 * for what a start would refuse.
 */
export async function inspectActions(manifestsDir: string): Promise<InspectedActions> {
  const sandbox = await createSandbox()
  try {
    const modules = await registerModules(sandbox, [])
    return {
      snapshot: loadActions(manifestsDir, modules),
      modules: new Map([...modules].map(([name, { digest }]) => [name, digest])),
    }
  } finally {
    await sandbox.close()
  }
}
