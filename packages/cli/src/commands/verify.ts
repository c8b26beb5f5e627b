import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { claimedCheckpoint, type LogReport, NoteError } from '@latchgate/evidence'
import { verifyLedgerFile } from '@latchgate/gate'
import { highWaterPath, readCheckpoint, readHighWater } from '../checkpoint-file.js'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { type LedgerRecord, recordsAt } from '../ledger-records.js'

interface VerifyOptions {
  readonly ledger?: string
  readonly checkpoint?: string
  readonly key?: string
}

/** What a ledger is held against. */
interface Question {
  readonly path: string
  readonly vkey: string | null
  readonly note: string | null
  readonly noteFrom: string | null
}

interface Located {
  readonly report: LogReport
  readonly records: ReadonlyMap<number, LedgerRecord>
}

/**
 * `latchgate verify`: reads a ledger read-only, also beside a running gate, and answers each question
 * on its own. 0: nothing contradicts the log. 2: the evidence is bad. 1: it could not be checked.
 */
export async function verifyCommand(context: Context, options: VerifyOptions): Promise<number> {
  const question = ask(context, options)
  const { report, records } = verify(question)
  const ok = report.findings.length === 0
  context.output.document({ ok, ...document(question, report, records) })
  print(context, question, report, records)
  return ok ? 0 : 2
}

function ask(context: Context, options: VerifyOptions): Question {
  const { cwd } = context
  const vkey = options.key === undefined ? null : readVerifierKey(options.key, cwd)
  const given = options.checkpoint === undefined ? null : resolve(cwd, options.checkpoint)
  if (options.ledger !== undefined) {
    const path = resolve(cwd, options.ledger)
    assertThere(path, ['name another file with --ledger'])
    return { path, vkey, note: given === null ? null : givenCheckpoint(given), noteFrom: given }
  }
  const { config } = context.load()
  const path = config.ledger_db_path
  assertThere(path, [
    'a gate that has run here once has one: latchgate up -d',
    'or name a file with --ledger',
  ])
  if (given !== null) return { path, vkey, note: givenCheckpoint(given), noteFrom: given }
  // Read before the ledger, which only grows: a gate that writes meanwhile must not look shortened.
  const note = readHighWater(path, config.gate_name)
  return { path, vkey, note, noteFrom: note === null ? null : highWaterPath(path) }
}

function assertThere(path: string, hints: readonly string[]): void {
  if (!existsSync(path))
    throw new CommandFailure('no_ledger', `there is no ledger at ${path}`, { hints })
}

function givenCheckpoint(path: string): string {
  const note = readCheckpoint(path)
  try {
    claimedCheckpoint(note)
    return note
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new CommandFailure('checkpoint_invalid', `${path} is no checkpoint: ${error.message}`)
  }
}

function readVerifierKey(given: string, cwd: string): string {
  const file = resolve(cwd, given)
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  if (given.includes('+')) return given
  throw new CommandFailure('key_invalid', `'${given}' is neither a verifier key nor a file`, {
    hints: ["a verifier key is written name+keyid+key; `latchgate status` shows the log's"],
  })
}

function verify({ path, vkey, note }: Question): Located {
  try {
    const report = verifyLedgerFile({
      path,
      ...(note === null ? {} : { checkpointNote: note }),
      ...(vkey === null ? {} : { vkey }),
    })
    const indexes = report.findings.flatMap(({ index }) => (index === null ? [] : [index]))
    return { report, records: recordsAt(path, indexes) }
  } catch (error) {
    throw couldNotCheck(error, path)
  }
}

function couldNotCheck(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error
  const { message } = error
  if (error instanceof NoteError) {
    return new CommandFailure('key_invalid', `the verifier key cannot be used: ${message}`)
  }
  const fields = { ledger: path }
  // The pages of the database contradict each other: whatever was recorded there is not intact.
  if (message.includes('malformed')) {
    const text = `the ledger ${path} is damaged: ${message}`
    return new CommandFailure('ledger_damaged', text, { exitCode: 2, fields })
  }
  if (error.name !== 'LedgerDamaged') return error
  return new CommandFailure('ledger_unreadable', `cannot check ${path}: ${message}`, { fields })
}

function document(
  question: Question,
  report: LogReport,
  records: ReadonlyMap<number, LedgerRecord>,
): object {
  const { checkpoint, receipts } = report
  return {
    ledger: question.path,
    log: report.origin,
    leaves_checked: report.leavesChecked,
    size: report.size,
    root: report.root,
    stored_hashes_root: report.storedHashesRoot,
    checkpoint: checkpoint === null ? null : { ...checkpoint, file: question.noteFrom },
    trust: report.trust,
    receipts: { checked: receipts.checked, signature_valid: receipts.signatureValid },
    findings: report.findings.map((finding) => ({
      ...finding,
      type: finding.index === null ? null : (records.get(finding.index)?.type ?? null),
    })),
    findings_omitted: report.findingsOmitted,
  }
}

function print(
  context: Context,
  question: Question,
  report: LogReport,
  records: ReadonlyMap<number, LedgerRecord>,
): void {
  const { output } = context
  const { receipts, checkpoint } = report
  output.field('ledger', question.path)
  output.field('log', report.origin ?? 'unknown')
  output.field('leaves', `${report.leavesChecked} read, hashed and checked`)
  output.field('root', report.root ?? 'not computed: leaves are missing')
  output.field('receipts', `${receipts.signatureValid} of ${receipts.checked} signatures valid`)
  output.field(
    'keys',
    report.trust === 'key_given'
      ? 'trusted from the key you gave'
      : 'as the log itself announces them; --key takes one that you trust',
  )
  output.field(
    'checkpoint',
    checkpoint === null
      ? 'none: a tail that was cut off shows only against one (--checkpoint)'
      : `${checkpoint.consistency} at size ${checkpoint.size}, signature ${checkpoint.signature}`,
  )
  if (question.noteFrom !== null) output.field('', `from ${question.noteFrom}`)
  output.line()
  if (report.findings.length === 0) {
    output.success('nothing was found to contradict the log')
    return
  }
  for (const { index, id, column, problem } of report.findings) {
    const record = index === null ? undefined : records.get(index)
    const at = index === null ? 'log' : `leaf #${index}`
    const named = record === undefined ? id : `${record.type} ${record.id}`
    const where = [at, named, column].filter((one) => one !== null).join(', ')
    output.problem(`${where}: ${problem}`)
  }
  if (report.findingsOmitted > 0) output.line(`   … and ${report.findingsOmitted} more`)
}
