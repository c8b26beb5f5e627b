import { ApprovalDesk } from '../approvals/approval-desk.js'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { findOperator } from '../operator-key.js'
import { canAsk } from '../terminal-question.js'
import { runWatch } from '../watch/run.js'

/** `latchgate approvals watch`: the queue, live on this terminal. */
export async function approvalsWatchCommand(
  context: Context,
  options: { readonly bell?: boolean },
): Promise<number> {
  const { streams } = context
  const { stdin: input, stdout: output, env } = streams
  if (!canAsk(context) || input === undefined) {
    throw new CommandFailure('no_terminal', 'watch needs a terminal, and no --json', {
      hints: ['programs read: latchgate approvals list --json'],
    })
  }
  const loaded = context.load()
  const desk = new ApprovalDesk(loaded, findOperator(loaded, context.options))
  const hasColour = env['NO_COLOR'] === undefined
  return runWatch(desk, { input, output, hasColour, hasBell: options.bell === true })
}
