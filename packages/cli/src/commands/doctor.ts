import { printable } from '@latchgate/protocol'
import type { Context } from '../context.js'
import type { Check, Severity } from '../doctor/check.js'
import { examine } from '../doctor/examine.js'

/** `latchgate doctor`: 0 all is well, 1 errors, 2 warnings only (spec/cli-and-config 8.4). */
export async function doctorCommand(context: Context): Promise<number> {
  const { output } = context
  const checks = await examine(context)
  const errors = count(checks, 'error')
  const warnings = count(checks, 'warn')
  output.document({ checks, errors, warnings, healthy: errors === 0 })
  const width = Math.max(...checks.map(({ check }) => check.length))
  let section = ''
  for (const one of checks) {
    if (one.section !== section) {
      section = one.section
      output.line(`\n${section}`)
    }
    output.line(
      `  ${SYMBOLS[one.severity]}  ${printable(one.check).padEnd(width)}  ${printable(one.message)}`,
    )
    if (one.remedy !== undefined)
      output.line(`     ${' '.repeat(width)}  → ${printable(one.remedy)}`)
  }
  output.line()
  const passed = count(checks, 'ok')
  const skipped = count(checks, 'skip')
  output.line(
    `${passed} ok, ${skipped} skipped, ${warnings} warning(s), ${errors} error(s) of ${checks.length} checks`,
  )
  if (errors > 0) return 1
  return warnings > 0 ? 2 : 0
}

const SYMBOLS: Readonly<Record<Severity, string>> = { ok: '✓', skip: '-', warn: '⚠', error: '✗' }

function count(checks: readonly Check[], severity: Severity): number {
  return checks.filter((one) => one.severity === severity).length
}
