/** What is wrong with the numbers that a session's answers carry (notes/evidence 7). */
export interface SequenceFinding {
  /** The session whose numbers these are. */
  readonly sessionId: string
  /** The number that does not fit. */
  readonly sessionSeq: number
  /**
   * `gap`: more records than this client caused, made by somebody else or lost. `not_growing`: a
   * number given twice, or one not above those answered before the call began.
   */
  readonly kind: 'gap' | 'not_growing'
  /** One sentence for humans. */
  readonly message: string
}

/** A call under way. */
export interface SequenceTicket {
  /**
   * The answer is here, with its number or without one, or there will be none. `mayCauseTwo`: a
   * second record can belong to this call, now or later.
   */
  settle(sessionSeq: number | null, mayCauseTwo: boolean): void
}

const MAX_FINDINGS = 16

/**
 * Checks the numbers of one session. Each call causes one record (intent, hold or denial); a hold
 * causes another when it is approved, a call that broke off another for its failure. Calls overlap
 * and answers get lost, so a number is only known to lie above those answered before its call began,
 * and not above what was caused so far.
 */
export class SessionSequence {
  readonly #sessionId: string
  readonly #findings: SequenceFinding[] = []
  readonly #underWay = new Set<object>()
  /** Numbers that a call under way could still be given again. */
  readonly #recent = new Set<number>()
  #highest = 0
  #caused = 0

  constructor(sessionId: string) {
    this.#sessionId = sessionId
  }

  get findings(): readonly SequenceFinding[] {
    return this.#findings
  }

  /** A call is about to be sent. */
  begin(): SequenceTicket {
    const call = {}
    const floor = this.#highest
    this.#caused += 1
    this.#underWay.add(call)
    return {
      settle: (sessionSeq, mayCauseTwo) => {
        this.#underWay.delete(call)
        if (mayCauseTwo) this.#caused += 1
        if (sessionSeq !== null) this.#check(sessionSeq, floor)
        if (this.#underWay.size === 0) this.#recent.clear()
      },
    }
  }

  #check(sessionSeq: number, floor: number): void {
    if (sessionSeq <= floor || this.#recent.has(sessionSeq)) {
      this.#find(sessionSeq, 'not_growing', `session_seq ${sessionSeq} after ${floor}`)
    }
    if (sessionSeq > this.#caused) {
      const message = `session_seq ${sessionSeq} where this client caused at most ${this.#caused}`
      this.#find(sessionSeq, 'gap', message)
      // Reported once; what follows is counted from here.
      this.#caused = sessionSeq
    }
    this.#recent.add(sessionSeq)
    this.#highest = Math.max(this.#highest, sessionSeq)
  }

  #find(sessionSeq: number, kind: SequenceFinding['kind'], message: string): void {
    if (this.#findings.length >= MAX_FINDINGS) return
    this.#findings.push({ sessionId: this.#sessionId, sessionSeq, kind, message })
  }
}
