import { loadActions, type ModulesByName } from './action-snapshot.js'
import { assertProtected } from './config/protected-files.js'
import type { ActionSnapshot } from './registered-action.js'

/** The actions in force, and where they come from. A call keeps the snapshot that it began with. */
export class ActionCatalogue {
  readonly #directory: string
  readonly #modules: ModulesByName
  readonly #uid: number
  #current: ActionSnapshot

  /** Loads the manifests; throws `ManifestsRefused`. */
  constructor(directory: string, modules: ModulesByName, uid: number) {
    this.#directory = directory
    this.#modules = modules
    this.#uid = uid
    this.#current = loadActions(directory, modules)
  }

  get current(): ActionSnapshot {
    return this.#current
  }

  /**
   * Loads the manifests again, without putting them into force. Throws `ManifestsRefused`, and
   * `StartupError` when somebody else could have written them.
   */
  build(): ActionSnapshot {
    assertProtected([this.#directory], this.#uid)
    return loadActions(this.#directory, this.#modules)
  }

  /** Puts what was built into force, for calls that begin from now on. */
  activate(snapshot: ActionSnapshot): void {
    this.#current = snapshot
  }
}
