import { inspect } from 'node:util'

/** A configured secret. It has no textual form: printing, serialising or inspecting it shows nothing. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value, for injection and scrubbing only. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }
}

// As a statement: a computed member has no inferable type in the declaration file.
Object.defineProperty(Secret.prototype, inspect.custom, { value: () => '[secret]' })

/** Where secrets come from (design 8, Sources). A fault of the source throws. */
export interface SecretSource {
  get(name: string): Promise<Secret | undefined>
}

/** A secret that went into a request: its name and position, never its value. */
export interface InjectedSecret {
  readonly name: string
  /** e.g. `header:authorization`, `query:key`, `body:/token`, `url`. */
  readonly into: string
}
