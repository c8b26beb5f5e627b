import { ConfigError, type LoadedConfig, loadConfig, StartupError, VERSION } from '@latchgate/gate'
import { Command, CommanderError } from 'commander'
import { actionsCommand } from './commands/actions.js'
import { downCommand } from './commands/down.js'
import { receiptsShowCommand } from './commands/receipts-show.js'
import { serveCommand } from './commands/serve.js'
import { statusCommand } from './commands/status.js'
import { upCommand } from './commands/up.js'
import { verifyCommand } from './commands/verify.js'
import { CommandFailure, createOutput, type Output, reportFailure, type Streams } from './output.js'

/** What every command gets. */
export interface Context {
  readonly output: Output
  readonly streams: Streams
  readonly cwd: string
  readonly options: GlobalOptions
  /** Loads the configuration; a `CommandFailure` when it cannot be used. */
  readonly load: () => LoadedConfig
}

interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
  readonly operatorKey?: string
  readonly operatorPrivateKey?: string
}

/** Runs the command line; resolves to the exit code (spec/cli-and-config 1.6). */
export async function main(
  argv: readonly string[],
  streams: Streams = { stdout: process.stdout, stderr: process.stderr, env: process.env },
  cwd: string = process.cwd(),
): Promise<number> {
  let exitCode = 0
  const json = argv.includes('--json')
  const run =
    <A extends readonly unknown[]>(
      command: (context: Context, ...given: A) => Promise<number>,
    ): ((...given: [...A, ...unknown[]]) => Promise<void>) =>
    async (...given) => {
      exitCode = await command(contextOf(program, streams, cwd), ...(given as unknown as A))
    }
  const program = buildProgram(streams, run)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    reportFailure(asFailure(error), json, streams)
    return asFailure(error).exitCode
  }
}

type Runner = <A extends readonly unknown[]>(
  command: (context: Context, ...given: A) => Promise<number>,
) => (...given: [...A, ...unknown[]]) => Promise<void>

function buildProgram(streams: Streams, run: Runner): Command {
  const program = new Command('latchgate')
    .description(
      'The execution gate that AI agents act through: they hold no keys and have no network.\n' +
        'Start with `latchgate up`; it sets everything up in .latchgate/ the first time.',
    )
    .version(`latchgate ${VERSION}`, '-V, --version')
    .option('--config <path>', 'configuration file (env LATCHGATE_CONFIG)')
    .option('--json', 'one JSON document on standard output')
    .option('--operator-key <key>', 'operator API key (env LATCHGATE_OPERATOR_KEY)')
    .option(
      '--operator-private-key <path>',
      "PEM file of the operator's key (env LATCHGATE_OPERATOR_PRIVATE_KEY)",
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage or broken evidence.\n' +
        'Example:  latchgate up -d && latchgate actions && latchgate verify',
    )
  const command = (name: string, description: string): Command =>
    program.command(name).description(description).copyInheritedSettings(program)

  command('up', 'start the gate of this directory; a first run sets it up without questions')
    .option('-d, --detach', 'return when the gate is ready; it goes on in the background')
    .addHelpText('after', '\nStop it with Ctrl-C, or `latchgate down` when detached.')
    .action(run(upCommand))
  command(
    'serve',
    'run the gate of an existing configuration in the foreground (for services)',
  ).action(run(serveCommand))
  command('down', 'stop the running gate: calls in flight finish first').action(run(downCommand))
  command('status', 'show whether the gate runs and how it is set up').action(run(statusCommand))
  command('actions', 'list the actions, or show one')
    .argument('[action_id]', 'action to show in detail')
    .action(run(actionsCommand))
  command('receipts', 'receipts of executed calls')
    .command('show')
    .description('show a receipt and check its signature')
    .copyInheritedSettings(program)
    .argument('<receipt_id>', 'as returned with the result')
    .action(run(receiptsShowCommand))
  command('verify', 'check the whole ledger offline, beside a running gate or without one')
    .option('--ledger <file>', 'ledger to check instead of the one of the configuration')
    .option('--checkpoint <file>', 'checkpoint note that was kept elsewhere')
    .option('--key <vkey>', 'verifier key of the log (a vkey, or a file that holds one)')
    .action(run(verifyCommand))
  return program
}

function contextOf(program: Command, streams: Streams, cwd: string): Context {
  const given: GlobalOptions = program.opts()
  const { env } = streams
  const key = given.operatorKey ?? env['LATCHGATE_OPERATOR_KEY']
  const privateKey = given.operatorPrivateKey ?? env['LATCHGATE_OPERATOR_PRIVATE_KEY']
  const options: GlobalOptions = {
    ...given,
    ...(key === undefined || key === '' ? {} : { operatorKey: key }),
    ...(privateKey === undefined || privateKey === '' ? {} : { operatorPrivateKey: privateKey }),
  }
  return {
    output: createOutput(options.json === true, streams),
    streams,
    cwd,
    options,
    load: () => loadConfig(options.config, { env, cwd }),
  }
}

function asFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error
  if (error instanceof ConfigError) {
    return new CommandFailure(`failed to load configuration: ${error.message}`, {
      hint: 'correct the file, or pass another with --config PATH',
    })
  }
  if (error instanceof StartupError) {
    return new CommandFailure(error.message, { fields: { code: error.code } })
  }
  return new CommandFailure(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
