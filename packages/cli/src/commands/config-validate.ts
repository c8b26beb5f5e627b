import { isRelaxed } from '@latchgate/gate'
import type { Context } from '../context.js'
import type { Check } from '../doctor/check.js'
import { examine } from '../doctor/examine.js'

/** What concerns the process that runs now, or is advice, and not the configuration and its files. */
const NOT_OF_THE_FILES = ['process', 'clock', 'separation']

/** `latchgate config validate`: 0 when a start would accept the configuration and its files. */
export async function configValidateCommand(context: Context): Promise<number> {
  const { output } = context
  const found = (await examine(context)).filter(isOfTheFiles)
  const failed = found.filter(({ severity }) => severity === 'error').length
  const ok = failed === 0
  const mode = modeOf(context, found)
  output.document({
    ok,
    mode,
    passed: found.length - failed,
    failed,
    checks: found.map(({ section, check, severity, message, remedy }) => ({
      check: `${section}/${check}`,
      status: severity === 'error' ? 'fail' : 'pass',
      ...(severity === 'error' ? { error: message, remedy } : {}),
    })),
  })
  for (const { section, check, severity, message, remedy } of found) {
    if (severity !== 'error') output.success(`${section}/${check}  ${message}`)
    else {
      output.problem(`${section}/${check}  ${message}`)
      output.line(`     → ${remedy ?? ''}`)
    }
  }
  output.line()
  output.line(`  ${found.length - failed} passed, ${failed} failed; posture: ${mode ?? 'unknown'}`)
  return ok ? 0 : 1
}

// Who listens now says nothing about the files; that a path is too long for a socket does.
function isOfTheFiles({ section, check, severity }: Check): boolean {
  if (NOT_OF_THE_FILES.includes(section) || severity === 'skip') return false
  return !(section === 'sockets' && check === 'gate')
}

function modeOf(context: Context, found: readonly Check[]): string | null {
  if (found.some(({ section, check, severity }) => isUnloaded(section, check, severity)))
    return null
  return isRelaxed(context.load().config) ? 'relaxed' : 'production'
}

function isUnloaded(section: string, check: string, severity: string): boolean {
  return section === 'configuration' && check === 'loads' && severity === 'error'
}
