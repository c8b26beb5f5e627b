import { drainCommand } from '../commands/drain.js'
import { type RevokeOptions, revokeCommand } from '../commands/revoke.js'
import { examples, type Register } from './registration.js'

/** `latchgate revoke` and `latchgate drain`. */
export const registerAdminCommands: Register = (command, program, act) => {
  command(program, 'revoke', 'end leases now, with the held calls that were made with them')
    .option('--lease <jti>', 'one lease')
    .option('--session <id>', 'the leases of a session')
    .option('--principal <name>', 'all leases of a principal')
    .option('--all', 'every lease; asks first')
    .option('-r, --reason <reason>', 'recorded')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      examples('latchgate revoke --principal uid:1001 -r "laptop lost"', 'latchgate revoke --all') +
        '\n\nA principal that still has rights can get a new lease: take them away with' +
        '\n`latchgate policy revoke`, or let the gate begin nothing with `latchgate drain`.',
    )
    .action((options: RevokeOptions) => act((context) => revokeCommand(context, options)))
  command(program, 'drain', 'let the gate begin nothing any more; what runs is finished')
    .option('--undo', 'take calls again')
    .action((options: { readonly undo?: boolean }) =>
      act((context) => drainCommand(context, options)),
    )
}
