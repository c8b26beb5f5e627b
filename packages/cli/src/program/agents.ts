import {
  type AddOptions,
  agentsAddCommand,
  agentsListCommand,
  agentsRemoveCommand,
} from '../commands/agents.js'
import { agentsKeygenCommand } from '../commands/agents-keygen.js'
import { examples, type Register } from './registration.js'

/** `latchgate agents …`. */
export const registerAgentCommands: Register = (command, program, act) => {
  const agents = command(program, 'agents', 'agents that are known by a key of their own')
  command(agents, 'add', "register an agent's key in the configuration")
    .argument('<name>', 'name of the agent: letters, digits, `_` and `-`')
    .option('--jkt <thumbprint>', "thumbprint of the agent's key")
    .option('--key <path>', "the agent's private key; only its thumbprint is taken")
    .option('--principal <name>', 'whom policy knows the agent as; default NAME')
    .option('--scopes <list>', 'scopes with commas between them; default tools:call')
    .option('--owner <name>', 'who answers for the agent')
    .addHelpText(
      'after',
      examples(
        'latchgate agents add reader --key reader.pem',
        'latchgate policy reload                        puts it into force',
      ),
    )
    .action((name: string, options: AddOptions) =>
      act((context) => agentsAddCommand(context, name, options)),
    )
  command(agents, 'list', 'agents that the configuration registers').action(() =>
    act(agentsListCommand),
  )
  command(agents, 'remove', "take an agent's key out of the configuration")
    .argument('<name>', 'the agent')
    .action((name: string) => act((context) => agentsRemoveCommand(context, name)))
  command(agents, 'keygen', "make an agent's key pair")
    .argument('<name>', 'name of the agent')
    .option('-o, --output <path>', 'the private key; default NAME.pem in this directory')
    .action((name: string, options: { readonly output?: string }) =>
      act((context) => agentsKeygenCommand(context, name, options)),
    )
}
