import { err, ok, type Result } from '@latchgate/protocol'
import { type Action, compileAction } from './action.js'
import type { Manifest } from './manifest/manifest.js'
import type { ManifestProblem } from './manifest/manifest-problem.js'
import { schemaFix } from './schema/schema-rules.js'

/** The actions that can be called: an immutable snapshot. */
export class ActionRegistry {
  readonly #actions: ReadonlyMap<string, Action>

  private constructor(actions: ReadonlyMap<string, Action>) {
    this.#actions = actions
  }

  /** Compiles all manifests; one problem refuses the whole set. */
  static build(manifests: readonly Manifest[]): Result<ActionRegistry, readonly ManifestProblem[]> {
    const problems: ManifestProblem[] = []
    const actions = new Map<string, Action>()
    for (const manifest of manifests) {
      const { action_id } = manifest
      const file = `action ${action_id}`
      if (actions.has(action_id)) {
        const problem = `duplicate action_id '${action_id}'`
        problems.push({ file, key: 'action_id', problem, fix: 'remove or rename one of the two' })
        continue
      }
      const compiled = compileAction(manifest)
      if (compiled.ok) actions.set(action_id, compiled.value)
      else {
        const { key, problem } = compiled.error
        problems.push({ file, key, problem, fix: schemaFix(compiled.error) })
      }
    }
    return problems.length > 0 ? err(problems) : ok(new ActionRegistry(actions))
  }

  /** The action of this id, or undefined. */
  get(actionId: string): Action | undefined {
    return this.#actions.get(actionId)
  }

  /** All actions, sorted by id. */
  list(): readonly Action[] {
    return [...this.#actions.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, action]) => action)
  }
}
