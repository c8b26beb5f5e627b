import { printable } from '@latchgate/protocol'

/** Why nothing, or no more, was done; the message says what was found and what to do. */
export class InstallError extends Error {
  override readonly name = 'InstallError'

  constructor(message: string, options?: ErrorOptions) {
    // Paths and parsers' words may hold what a terminal would obey.
    super(printable(message), options)
  }
}
