import type { Command } from 'commander'
import { completionModel } from '../completions/model.js'
import { completionScript, type Shell } from '../completions/script.js'
import type { Context } from '../context.js'

/** `latchgate completions SHELL`: a script made from the very commands of this program. */
export async function completionsCommand(
  context: Context,
  shell: Shell,
  program: Command,
): Promise<number> {
  const { output } = context
  const script = completionScript(shell, completionModel(program))
  output.document({ ok: true, shell, script })
  output.line(script.trimEnd())
  return 0
}
