/** Why arguments do not make a request: the member, as a JSON pointer, and what is wrong with it. */
export interface TargetFault {
  readonly path: string
  readonly message: string
}
