import { asFailure } from '../failures.js'

/** How bad a finding is: `error` stops a start or the calls, `warn` is worth mending. */
export type Severity = 'ok' | 'skip' | 'warn' | 'error'

/** One finding of `doctor` (spec/cli-and-config 8.4). */
export interface Check {
  readonly section: string
  readonly check: string
  readonly severity: Severity
  readonly message: string
  /** A command, or the key to change; always there for `warn` and `error`. */
  readonly remedy?: string
}

/** The findings of one section, in the order in which they were made. */
export class Section {
  readonly #section: string
  readonly checks: Check[] = []

  constructor(section: string) {
    this.#section = section
  }

  ok(check: string, message: string): void {
    this.#add(check, 'ok', message)
  }

  skip(check: string, message: string): void {
    this.#add(check, 'skip', message)
  }

  warn(check: string, message: string, remedy: string): void {
    this.#add(check, 'warn', message, remedy)
  }

  error(check: string, message: string, remedy: string): void {
    this.#add(check, 'error', message, remedy)
  }

  /** Reports a problem whose text may say itself what to do; `remedy` is for one that does not. */
  problem(check: string, text: string, remedy: string): void {
    const told = splitRemedy(text)
    this.error(check, told.message, told.remedy ?? remedy)
  }

  /** Runs one of the gate's own checks; what it throws is an error. Returns whether it passed. */
  attempt<T>(
    check: string,
    remedy: string,
    run: () => T,
    passed: (result: T) => string | null,
  ): T | undefined {
    try {
      const result = run()
      const message = passed(result)
      if (message !== null) this.ok(check, message)
      return result
    } catch (error) {
      this.failed(check, error, remedy)
      return undefined
    }
  }

  /** Reports what a check threw. A defect is not a finding: it is thrown on. */
  failed(check: string, error: unknown, remedy: string): void {
    this.problem(check, reasonOf(error), remedy)
  }

  #add(check: string, severity: Severity, message: string, remedy?: string): void {
    const finding = { section: this.#section, check, severity, message }
    this.checks.push(remedy === undefined ? finding : { ...finding, remedy })
  }
}

/** Refusals of the gate by name: their messages are for people. */
const REFUSALS = ['LedgerInUse', 'LedgerRolledBack', 'LedgerDamaged', 'LedgerMismatch']

function reasonOf(error: unknown): string {
  if (error instanceof Error) {
    if (error.name === 'StartupError' || REFUSALS.includes(error.name)) return error.message
    const failure = asFailure(error)
    if (failure.code !== 'internal') return failure.message
  }
  throw error
}

// The gate writes `what is wrong: what to do`. Text that does not end so is left whole.
const ADVICE =
  /^(.*?)[:.] ((?:run|use|set|add|drop|map|name|bind|give|grant|put|stop|write|remove|rename|correct|if|begin|declare|it must) .*)$/is

/** Splits a problem of the gate into what is wrong and what to do, where it says both. */
export function splitRemedy(text: string): { readonly message: string; readonly remedy?: string } {
  const [, message, remedy] = ADVICE.exec(text) ?? []
  if (message === undefined || remedy === undefined) return { message: text }
  return { message, remedy }
}
