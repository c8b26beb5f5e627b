import { Worker } from 'node:worker_threads'
import type { AuditVerifyBody } from '@latchgate/protocol'
import type { Ledger } from '../ledger/port.js'
import { Fault } from '../refusal.js'
import type { FromVerifier } from './verify-worker.js'

/** Findings that an answer lists. */
export const SHOWN_FINDINGS = 20

/**
 * Verifies the ledger of a running gate, in a thread of its own, one run at a time: who asks while
 * one goes on gets its result. The file is held against the checkpoint in this process's memory, so
 * that a tail cut off, or a log rewritten as a whole, shows as well.
 */
export class LedgerVerification {
  readonly #path: string
  readonly #ledger: Pick<Ledger, 'checkpoint'>
  #run: Promise<AuditVerifyBody> | null = null
  #worker: Worker | null = null
  #closed = false

  constructor(path: string, ledger: Pick<Ledger, 'checkpoint'>) {
    this.#path = path
    this.#ledger = ledger
  }

  /** Throws a Fault: `ledger_error` when it could not be verified, `draining` when the gate closes. */
  verify(): Promise<AuditVerifyBody> {
    if (this.#closed) return Promise.reject(stopped())
    this.#run ??= this.#start().finally(() => {
      this.#run = null
    })
    return this.#run
  }

  /** Ends a run; who waits for it is told. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
  }

  #start(): Promise<AuditVerifyBody> {
    // Before the thread reads: the log only grows.
    const checkpointNote = this.#ledger.checkpoint()
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./verify-worker.js', import.meta.url), {
        workerData: { path: this.#path, checkpointNote },
        name: 'latchgate-verify',
      })
      this.#worker = worker
      worker.once('message', (message: FromVerifier) => {
        if (message.kind === 'verified') resolve(verifyBody(message))
        else reject(new Fault('ledger_error', `the ledger cannot be verified: ${message.message}`))
      })
      worker.once('error', (cause: unknown) =>
        reject(new Fault('ledger_error', 'the verifying thread failed', { cause })),
      )
      worker.once('exit', () => {
        this.#worker = null
        reject(this.#closed ? stopped() : new Fault('ledger_error', 'the verifying thread ended'))
      })
    })
  }
}

// The answer of `GET /v1/audit/verify` (design 4 and 14).
function verifyBody({
  report,
  brokenAt,
}: Extract<FromVerifier, { kind: 'verified' }>): AuditVerifyBody {
  const { findings, leavesChecked } = report
  const counts = { total_events: leavesChecked, verified_links: leavesChecked }
  if (findings.length === 0) return { intact: true, ...counts, broken_at: null }
  return {
    intact: false,
    ...counts,
    broken_at: brokenAt,
    findings: findings.slice(0, SHOWN_FINDINGS).map((finding) => ({ ...finding })),
  }
}

function stopped(): Fault {
  return new Fault('draining', 'the gate is being stopped')
}
