/** Why a command failed, for programs; docs/cli.md explains each. */
export const FAILURE_CODES = [
  'usage',
  'config_invalid',
  'project_unusable',
  'project_exists',
  'preset_unusable',
  'file_exists',
  'agent_refused',
  'gate_not_running',
  'another_gate',
  'not_a_gate',
  'gate_refused',
  'policy_refused',
  'gate_start_failed',
  'gate_still_running',
  'not_found',
  'ambiguous_id',
  'confirmation_needed',
  'no_terminal',
  'already_decided',
  'plan_changed',
  'other_log',
  'outcome_unknown',
  'operator_key',
  'no_ledger',
  'ledger_unreadable',
  'ledger_damaged',
  'key_invalid',
  'checkpoint_invalid',
  'io_error',
  'internal',
] as const

/** One of `FAILURE_CODES`. */
export type FailureCode = (typeof FAILURE_CODES)[number]

/** What a failure carries beside its message. */
export interface FailureDetail {
  /** What to do about it, one line an item. */
  readonly hints?: readonly string[]
  /** Default 1 (spec/cli-and-config 1.6). */
  readonly exitCode?: number
  /** Further members of the JSON document. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** A failure that a command reports by itself: what was wrong, with which value, and what to do. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly code: FailureCode
  readonly hints: readonly string[]
  readonly exitCode: number
  readonly fields: Readonly<Record<string, unknown>>

  constructor(code: FailureCode, message: string, detail: FailureDetail = {}) {
    super(message)
    this.code = code
    this.hints = detail.hints ?? []
    this.exitCode = detail.exitCode ?? 1
    this.fields = detail.fields ?? {}
  }
}

/** The command line is not one that can be followed: exit code 2 (spec/cli-and-config 1.6). */
export function usageFailure(message: string, hints: readonly string[] = []): CommandFailure {
  return new CommandFailure('usage', message, { exitCode: 2, hints })
}
