import { operatorKeygenCommand } from '../commands/operator-keygen.js'
import { operatorListCommand } from '../commands/operator-list.js'
import { examples, type Register } from './registration.js'

/** `latchgate operator …`. */
export const registerOperatorCommands: Register = (command, program, act) => {
  const operator = command(program, 'operator', 'keys of operators')
  command(operator, 'keygen', "make an operator's key pair and the block for the configuration")
    .option('-o, --output <path>', 'the private key; default NAME.pem in this directory')
    .option('--name <name>', 'name of the operator: letters, digits and `_`')
    .addHelpText(
      'after',
      examples(
        'latchgate operator keygen --name alice            writes alice.pem here, prints the block',
        'latchgate operator keygen -o ~/keys/alice.pem     the name is that of the file',
      ) +
        '\n\nRun it on the machine of the operator: the private key stays there. Only the block, with the' +
        '\nthumbprint and the API key, goes into the configuration of the gate.',
    )
    .action((options: { readonly output?: string; readonly name?: string }) =>
      act((context) => operatorKeygenCommand(context, options)),
    )
  command(operator, 'list', 'operators of the configuration, and whose key is on this machine')
    .addHelpText(
      'after',
      examples(
        'latchgate operator list',
        'latchgate --operator alice status      use the key of one of several operators',
      ),
    )
    .action(() => act(operatorListCommand))
}
