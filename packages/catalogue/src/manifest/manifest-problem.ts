/** Something wrong with a manifest or a preset: where it is and what to do about it. */
export interface ManifestProblem {
  readonly file: string
  /** Path of the key, e.g. `secrets[0].inject`; empty for the document as a whole. */
  readonly key: string
  readonly problem: string
  readonly fix: string
}
