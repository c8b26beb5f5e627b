import { Argument } from 'commander'
import { completionsCommand } from '../commands/completions.js'
import { doctorCommand } from '../commands/doctor.js'
import { initCommand } from '../commands/init.js'
import { SHELLS, type Shell } from '../completions/script.js'
import { examples, type Register } from './registration.js'

/** `latchgate init`, `doctor` and `completions`. */
export const registerProjectCommands: Register = (command, program, act) => {
  command(program, 'init', 'set a project up without starting its gate, or renew its policy data')
    .option('--preset <name>', 'starting point of the policy data; default quickstart')
    .option('--list-presets', 'show the presets')
    .option('--force', 'in an existing project: write the policy data anew, keeping a backup')
    .addHelpText(
      'after',
      examples(
        'latchgate init --list-presets              what there is to choose from',
        'latchgate init --preset read-only          .latchgate/ here: keys, policy, an operator',
        'latchgate init --preset coding --force     only policies/data.json; a backup stays beside it',
      ) + '\n\n--force never touches keys, operators, configuration or ledger.',
    )
    .action((options: { preset?: string; listPresets?: boolean; force?: boolean }) =>
      act((context) => initCommand(context, options)),
    )
  command(program, 'doctor', 'find out what keeps the gate from starting, or from being safe')
    .addHelpText(
      'after',
      examples(
        'latchgate doctor                                              read every finding',
        `latchgate doctor --json | jq '.checks[] | select(.remedy)'     what to mend`,
      ) +
        "\n\nReads only, with a running gate or without one. Run it as the gate's user." +
        '\nExit codes: 0 all is well, 1 errors (a start or the calls would be refused), 2 warnings only.',
    )
    .action(() => act(doctorCommand))
  command(program, 'completions', 'print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices([...SHELLS]))
    .addHelpText(
      'after',
      examples(
        'source <(latchgate completions bash)                                 in ~/.bashrc',
        `latchgate completions zsh > "\${fpath[1]}/_latchgate"                 then open a new shell`,
        'latchgate completions fish > ~/.config/fish/completions/latchgate.fish',
      ),
    )
    .action((shell: Shell) => act((context) => completionsCommand(context, shell, program)))
}
