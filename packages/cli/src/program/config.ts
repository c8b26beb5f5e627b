import { configGetCommand } from '../commands/config-get.js'
import { configPathCommand } from '../commands/config-path.js'
import { configValidateCommand } from '../commands/config-validate.js'
import { examples, type Register } from './registration.js'

/** `latchgate config …`. */
export const registerConfigCommands: Register = (command, program, act) => {
  const config = command(program, 'config', 'look at the configuration')
  command(config, 'path', 'which configuration is used, and why')
    .addHelpText('after', examples('latchgate config path', '$EDITOR "$(latchgate config path)"'))
    .action(() => act(configPathCommand))
  command(config, 'get', 'the values in effect: file, environment and defaults together')
    .argument('[key]', 'dotted; a part with dots in it in double quotes')
    .addHelpText(
      'after',
      examples(
        'latchgate config get                           everything, as TOML',
        'latchgate config get ledger_db_path',
        'latchgate config get rate_limits.lease_rps',
        `latchgate config get 'egress.unsafe_resolve."api.github.com:443"'`,
      ) + '\n\nA value that is a secret is shown as [set]. Exit code 2: there is no such key.',
    )
    .action((key: string | undefined) => act((context) => configGetCommand(context, key)))
  command(config, 'validate', 'check the configuration and its files as a start would')
    .addHelpText(
      'after',
      examples(
        'latchgate config validate && sudo systemctl restart latchgate',
        'latchgate --config /etc/latchgate/latchgate.toml config validate --json',
      ) +
        '\n\nNothing is started, made or changed. `latchgate doctor` adds advice and the running gate.',
    )
    .action(() => act(configValidateCommand))
}
