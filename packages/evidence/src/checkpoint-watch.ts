import { encodeHex } from '@latchgate/protocol'
import { equalBytes } from './byte-strings.js'
import { type Checkpoint, claimedCheckpoint, verifyCheckpoint } from './checkpoint.js'
import type { EvidenceCrypto } from './crypto.js'
import type { Frontier } from './frontier.js'
import type { CheckpointReport, Findings } from './log-report.js'
import { NoteError, type NoteVerifier, noteVerifier } from './signed-note.js'

/** Whose signature counts. */
export interface CheckpointKeys {
  /** Name of the log that was read. */
  readonly origin: string
  /** The key handed in by whoever verifies. */
  readonly trusted: NoteVerifier | undefined
  /** Keys that the log announces for itself. */
  readonly announced: readonly Uint8Array[]
}

/** Holds a log against a checkpoint that was kept elsewhere, while the log is read. */
export class CheckpointWatch {
  readonly #crypto: EvidenceCrypto
  readonly #note: string
  readonly #findings: Findings
  readonly #expected: Checkpoint | null
  #roots: { readonly computed: Uint8Array; readonly stored: Uint8Array } | null = null

  constructor(crypto: EvidenceCrypto, note: string, findings: Findings) {
    this.#crypto = crypto
    this.#note = note
    this.#findings = findings
    this.#expected = this.#read()
  }

  /** Remembers the root when the tree has the size of the checkpoint. */
  see(computed: Frontier, stored: Frontier | null): void {
    if (this.#expected?.size !== computed.size) return
    const root = computed.root()
    this.#roots = { computed: root, stored: stored?.root() ?? root }
  }

  /** What the checkpoint says of a log of `size` leaves. Null when the note cannot be read. */
  report(size: number, keys: CheckpointKeys): CheckpointReport | null {
    const expected = this.#expected
    if (expected === null) return null
    return {
      size: expected.size,
      root: encodeHex(expected.root),
      signature: this.#signature(keys),
      consistency: this.#consistency(size, expected),
    }
  }

  #read(): Checkpoint | null {
    try {
      return claimedCheckpoint(this.#note)
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      const problem = `the checkpoint cannot be read: ${error.message}`
      this.#findings.add(problem, { column: 'checkpoint' })
      return null
    }
  }

  #consistency(size: number, expected: Checkpoint): CheckpointReport['consistency'] {
    const name = `the checkpoint of ${expected.size} leaves`
    if (size < expected.size) {
      const problem = `${name} is newer: the log ends after ${size} leaves, its tail is gone`
      this.#findings.add(problem, { index: size, column: 'checkpoint' })
      return 'log_is_shorter'
    }
    const roots = this.#roots
    if (roots === null) return 'not_computed'
    if (equalBytes(roots.computed, expected.root)) return 'matches'
    const named = equalBytes(roots.stored, expected.root)
      ? 'its stored hashes do: only the leaves named here were changed'
      : `something in leaves 0–${expected.size - 1} was changed`
    const problem = `the log does not agree with ${name}; ${named}`
    this.#findings.add(problem, { column: 'checkpoint' })
    return 'differs'
  }

  #signature(keys: CheckpointKeys): CheckpointReport['signature'] {
    const { trusted } = keys
    if (trusted !== undefined) {
      if (this.#isSignedBy(() => trusted)) return 'valid'
    } else {
      for (const key of keys.announced) {
        if (this.#isSignedBy(() => noteVerifier(this.#crypto, keys.origin, key))) {
          return 'valid_by_log_key'
        }
      }
    }
    const problem = 'the checkpoint is not signed by the key of this log'
    this.#findings.add(problem, { column: 'checkpoint' })
    return 'invalid'
  }

  #isSignedBy(verifier: () => NoteVerifier): boolean {
    try {
      verifyCheckpoint(this.#crypto, this.#note, verifier())
      return true
    } catch (error) {
      if (error instanceof NoteError) return false
      throw error
    }
  }
}
