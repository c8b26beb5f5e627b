import { type ApproveOptions, approvalsApproveCommand } from '../commands/approvals-approve.js'
import { approvalsDenyCommand } from '../commands/approvals-deny.js'
import { approvalsListCommand, type ListOptions } from '../commands/approvals-list.js'
import { approvalsShowCommand } from '../commands/approvals-show.js'
import { approvalsWatchCommand } from '../commands/approvals-watch.js'
import { examples, type Register } from './registration.js'

const ID = 'id of the approval, or its beginning (at least 6 characters) when only one fits'

/** `latchgate approvals …`. */
export const registerApprovalCommands: Register = (command, program, act) => {
  const approvals = command(program, 'approvals', 'calls that are held for a human')
  command(approvals, 'list', 'list held calls, newest first')
    .option('--all', 'also those that have ended')
    .option('--status <status>', 'pending, claimed, approved, denied, failed, expired or revoked')
    .option('-l, --limit <n>', 'at most this many, up to 200 (default 50)')
    .action((options: ListOptions) => act((context) => approvalsListCommand(context, options)))
  command(approvals, 'show', 'show everything that an approval would let happen')
    .argument('<approval_id>', ID)
    .action((id: string) => act((context) => approvalsShowCommand(context, id)))
  command(approvals, 'approve', 'show a held call, ask, and let exactly that be executed')
    .argument('<approval_id>', ID)
    .option('-y, --yes', 'do not ask')
    .option('--learn-domain <domain>', 'after success, hold no call to this host any more')
    .option('--learn-path <path>', 'after success, hold no call with this path any more')
    .option('--everybody', 'remember that for every principal, not for this one alone')
    .option('--plan-hash <hash>', 'approve only this plan, the one that you have looked at')
    .addHelpText(
      'after',
      examples(
        'latchgate approvals approve 0196a1b2-…                      look, then type yes',
        'latchgate approvals approve 0196a1b2-… -y --plan-hash 9f3c…  in a script: only that plan',
      ),
    )
    .action((id: string, options: ApproveOptions) =>
      act((context) => approvalsApproveCommand(context, id, options)),
    )
  command(approvals, 'deny', 'refuse a held call')
    .argument('<approval_id>', ID)
    .option('-r, --reason <reason>', 'told to the agent, and recorded; at most 500 bytes')
    .action((id: string, options: { readonly reason?: string }) =>
      act((context) => approvalsDenyCommand(context, id, options)),
    )
  command(approvals, 'watch', 'the queue of held calls, live on this terminal')
    .option('--bell', 'ring when a call is held')
    .addHelpText(
      'after',
      '\nKeys: ↑↓ choose, space the whole plan, a approve, d deny, l approve and remember, r refresh, q quit.',
    )
    .action((options: { readonly bell?: boolean }) =>
      act((context) => approvalsWatchCommand(context, options)),
    )
}
