import { VERSION } from '@latchgate/gate'
import { Command } from 'commander'
import { actionsCommand } from './commands/actions.js'
import { downCommand } from './commands/down.js'
import { registerPolicyCommands } from './commands/policy.js'
import { receiptsShowCommand } from './commands/receipts-show.js'
import { serveCommand } from './commands/serve.js'
import { statusCommand } from './commands/status.js'
import { upCommand } from './commands/up.js'
import { verifyCommand } from './commands/verify.js'
import type { Context, GlobalOptions } from './context.js'
import type { Streams } from './output.js'
import { registerAdminCommands } from './program/admin.js'
import { registerAgentCommands } from './program/agents.js'
import { registerApprovalCommands } from './program/approvals.js'
import { registerAuditCommand } from './program/audit.js'
import { registerConfigCommands } from './program/config.js'
import { registerOperatorCommands } from './program/operator.js'
import { registerProjectCommands } from './program/project.js'

/** Runs a command once its arguments are known. */
export type Run = (
  command: (context: Context) => Promise<number>,
  options: GlobalOptions,
) => Promise<void>

/** The command line: every command with its options and help (docs/cli.md). */
export function buildProgram(streams: Streams, json: boolean, run: Run): Command {
  const program = new Command('latchgate')
  program
    .description(
      'The execution gate that AI agents act through: they hold no keys and have no network.',
    )
    .version(`latchgate ${VERSION}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .option('--config <path>', 'configuration file (env LATCHGATE_CONFIG)')
    .option('--json', 'print one JSON document on standard output')
    .option('--operator <name>', 'which operator of the configuration (env LATCHGATE_OPERATOR)')
    .option('--operator-key <key>', 'operator API key (env LATCHGATE_OPERATOR_KEY)')
    .option(
      '--operator-private-key <path>',
      "PEM file of the operator's key (env LATCHGATE_OPERATOR_PRIVATE_KEY)",
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      // A `--json` run says what is wrong in its document.
      writeErr: (text) => (json ? undefined : streams.stderr.write(text)),
    })
    .showHelpAfterError('Run with --help for the usage.')
    .addHelpText('after', FIRST_STEPS)
  const command = (parent: Command, name: string, description: string): Command =>
    parent
      .command(name)
      .description(description)
      .copyInheritedSettings(program)
      .helpOption('-h, --help', 'print this help')
      .addHelpText('after', COMMON_OPTIONS)
  const act = (action: (context: Context) => Promise<number>): Promise<void> =>
    run(action, program.opts())

  command(program, 'up', 'start the gate of this directory; the first run sets it up')
    .option('-d, --detach', 'return when the gate is ready; it goes on in the background')
    .option('-y, --yes', 'a first run on a terminal: take the defaults, ask nothing')
    .addHelpText(
      'after',
      '\nThe first run makes .latchgate/ here: keys, policy, an operator. On a terminal it asks for the\n' +
        'preset and two names, and Enter takes the default; otherwise it takes the defaults.\n' +
        'Stop the gate with Ctrl-C, or with `latchgate down` when it is detached.',
    )
    .action((options: { readonly detach?: boolean; readonly yes?: boolean }) =>
      act((context) => upCommand(context, options)),
    )
  command(program, 'serve', 'run the gate of an existing configuration, for services')
    .addHelpText('after', '\nLogs go to standard error. SIGTERM lets calls in flight finish.')
    .action(() => act(serveCommand))
  command(program, 'down', 'stop the running gate; calls in flight finish first').action(() =>
    act(downCommand),
  )
  command(program, 'status', 'show whether the gate runs and how it is set up').action(() =>
    act(statusCommand),
  )
  command(program, 'actions', 'list the actions, or show one')
    .argument('[action_id]', 'the action to show in detail')
    .action((actionId: string | undefined) => act((context) => actionsCommand(context, actionId)))
  registerAuditCommand(command, program, act)
  registerPolicyCommands(program, command, act)
  const receipts = command(program, 'receipts', 'receipts of executed calls')
  command(receipts, 'show', 'show a receipt and check its signature here')
    .argument('<receipt_id>', 'as returned with the result')
    .action((receiptId: string) => act((context) => receiptsShowCommand(context, receiptId)))
  command(program, 'verify', 'check the whole ledger, without trusting the gate')
    .option('--ledger <file>', 'check this ledger instead of the one of the project')
    .option('--checkpoint <file>', 'checkpoint kept elsewhere: a note, or a copy of *.high-water')
    .option('--key <vkey>', "the log's verifier key (as `status` shows it), or a file with it")
    .addHelpText(
      'after',
      '\nReads the file only, also beside a running gate.\n' +
        'Exit codes: 0 nothing contradicts the log, 2 the evidence is bad, 1 it could not be checked.',
    )
    .action(
      (options: {
        readonly ledger?: string
        readonly checkpoint?: string
        readonly key?: string
      }) => act((context) => verifyCommand(context, options)),
    )
  registerApprovalCommands(command, program, act)
  registerAdminCommands(command, program, act)
  registerOperatorCommands(command, program, act)
  registerAgentCommands(command, program, act)
  registerConfigCommands(command, program, act)
  registerProjectCommands(command, program, act)
  return program
}

const FIRST_STEPS = `
First steps:
  latchgate up -d            set up and start the gate of this directory
  latchgate actions          what agents can call
  latchgate policy show      who may call what
  latchgate status           how the gate is doing
  latchgate approvals watch  calls that wait for you
  latchgate audit -f         what agents do, as they do it
  latchgate verify           check the evidence
  latchgate doctor           what to mend before it is for real
  latchgate down             stop it

Exit codes: 0 done, 1 failed, 2 wrong usage or bad evidence.`

const COMMON_OPTIONS = '\nOptions of every command: latchgate --help'
