import type { ManifestProblem } from './manifest-problem.js'

/** Collects what is wrong with one file, so that its author sees all of it at once. */
export class Problems {
  readonly #file: string
  readonly #list: ManifestProblem[] = []

  constructor(file: string) {
    this.#file = file
  }

  get list(): readonly ManifestProblem[] {
    return this.#list
  }

  report(key: string, problem: string, fix: string): void {
    this.#list.push({ file: this.#file, key, problem, fix })
  }
}
