import { Option } from 'commander'
import { limitArgument, timeArgument } from '../audit/audit-question.js'
import { AUDIT_FORMATS } from '../audit/event-writer.js'
import { type AuditOptions, auditCommand } from '../commands/audit.js'
import type { Register } from './registration.js'

/** `latchgate audit`. */
export const registerAuditCommand: Register = (command, program, act) => {
  command(program, 'audit', 'show what was decided and done')
    .addOption(new Option('--format <format>', 'how to print events').choices([...AUDIT_FORMATS]))
    .option('-l, --limit <number>', 'how many events, newest first', limitArgument, 20)
    .option('--action <id>', 'of this action')
    .option('--principal <principal>', 'of this agent; of what an operator did, the operator')
    .addOption(
      new Option('--decision <decision>', 'with this decision').choices([
        ...['allow', 'allow_unverified', 'deny', 'pending_approval', 'error'],
      ]),
    )
    .option('--after <time>', 'later than this: a time, a day, or 90m, 1h, 2d ago', asTime)
    .option('--before <time>', 'earlier than this', asTime)
    .option('--trace-id <id>', 'of this trace')
    .option('--session-id <id>', 'of this session')
    .option('--event-type <type>', 'of this type, like action_call or lease_issued')
    .option('--approval-id <id>', 'about this approval')
    .option('-f, --follow', 'go on with new events as they come, until Ctrl-C')
    .addHelpText(
      'after',
      '\nNeeds an operator key. Times are exclusive.\n' +
        'Exit codes: 0 printed, also when nothing was found; 1 failed; 2 wrong usage; 130 Ctrl-C ended --follow.',
    )
    .action((options: AuditOptions) => act((context) => auditCommand(context, options)))
}

// Commander hands the value of an earlier occurrence over as the second argument.
function asTime(given: string): string {
  return timeArgument(given)
}
