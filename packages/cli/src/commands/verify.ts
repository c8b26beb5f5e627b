import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { LogReport } from '@latchgate/evidence'
import { verifyLedgerFile } from '@latchgate/gate'
import type { Context } from '../main.js'
import { CommandFailure, printable } from '../output.js'

interface VerifyOptions {
  readonly ledger?: string
  readonly checkpoint?: string
  readonly key?: string
}

/**
 * `latchgate verify`: reads a ledger read-only, also beside a running gate, and answers each question
 * on its own. Exit 2 when anything was found.
 */
export async function verifyCommand(context: Context, options: VerifyOptions): Promise<number> {
  const { output, cwd } = context
  const path =
    options.ledger === undefined
      ? context.load().config.ledger_db_path
      : resolve(cwd, options.ledger)
  if (!existsSync(path)) {
    throw new CommandFailure(`no ledger at ${path}`, {
      hint: 'a gate that has run once has one; or name a file with --ledger',
    })
  }
  const report = verifyLedgerFile({
    path,
    ...(options.checkpoint === undefined
      ? {}
      : { checkpointNote: readText(resolve(cwd, options.checkpoint)) }),
    ...(options.key === undefined ? {} : { vkey: keyOf(options.key, cwd) }),
  })
  output.document({ ok: report.findings.length === 0, ledger: path, ...report })
  print(context, path, report)
  return report.findings.length === 0 ? 0 : 2
}

function print(context: Context, path: string, report: LogReport): void {
  const { output } = context
  const { receipts, checkpoint } = report
  output.field('ledger', path)
  output.field('log', report.origin ?? 'unknown')
  output.field('leaves', `${report.leavesChecked} read, hashed and checked`)
  output.field('root', report.root ?? 'not computed: leaves are missing')
  output.field('receipts', `${receipts.signatureValid} of ${receipts.checked} signatures valid`)
  output.field(
    'keys',
    report.trust === 'key_given'
      ? 'trusted from the key you gave'
      : 'as the log itself announces them; pass --key for keys that you trust',
  )
  output.field(
    'checkpoint',
    checkpoint === null
      ? 'none given: a truncated tail shows only against one kept elsewhere (--checkpoint)'
      : `size ${checkpoint.size}, signature ${checkpoint.signature}, ${checkpoint.consistency}`,
  )
  output.line()
  if (report.findings.length === 0) {
    output.success('nothing was found to contradict the log')
    return
  }
  for (const finding of report.findings) {
    const at = finding.index === null ? 'log' : `leaf #${finding.index}`
    const where = [at, finding.id, finding.column].filter((one) => one !== null).join(', ')
    output.line(`✗  ${printable(where)}: ${printable(finding.problem)}`)
  }
  if (report.findingsOmitted > 0) output.line(`   … and ${report.findingsOmitted} more`)
}

function keyOf(given: string, cwd: string): string {
  return given.includes('+') ? given : readText(resolve(cwd, given)).trim()
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CommandFailure(`cannot read ${path}: ${String(error)}`)
  }
}
