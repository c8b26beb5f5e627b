import { type LoadedConfig, loadConfig } from '@latchgate/gate'
import { CommanderError } from 'commander'
import { CommandFailure } from './command-failure.js'
import { asFailure } from './failures.js'
import { createOutput, type Output, reportFailure, type Streams } from './output.js'
import { buildProgram, type GlobalOptions } from './program.js'

/** What every command gets. */
export interface Context {
  readonly output: Output
  readonly streams: Streams
  readonly cwd: string
  readonly options: GlobalOptions
  /** Loads the configuration; throws a `ConfigError` when it cannot be used. */
  readonly load: () => LoadedConfig
}

/** Runs the command line; resolves to the exit code (spec/cli-and-config 1.6). */
export async function main(
  argv: readonly string[],
  streams: Streams = { stdout: process.stdout, stderr: process.stderr, env: process.env },
  cwd: string = process.cwd(),
): Promise<number> {
  let exitCode = 0
  const json = argv.includes('--json')
  const program = buildProgram(streams, json, async (command, options) => {
    exitCode = await command(contextOf(options, streams, cwd))
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, json, streams)
    const failure = asFailure(error)
    reportFailure(failure, json, streams)
    return failure.exitCode
  }
}

// Commander reports `--help` and `--version` as errors too; the texts are printed already, except
// for what is wrong with the usage of a `--json` run.
function endOfParsing(error: CommanderError, json: boolean, streams: Streams): number {
  if (error.exitCode === 0) return 0
  if (json) {
    const message =
      error.code === 'commander.help'
        ? 'a command is missing'
        : error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
    const failure = new CommandFailure('usage', message, { exitCode: 2 })
    reportFailure(failure, json, streams)
  }
  return 2
}

function contextOf(given: GlobalOptions, streams: Streams, cwd: string): Context {
  const { env } = streams
  const key = given.operatorKey ?? env['LATCHGATE_OPERATOR_KEY'] ?? ''
  const privateKey = given.operatorPrivateKey ?? env['LATCHGATE_OPERATOR_PRIVATE_KEY'] ?? ''
  const { operatorKey: _key, operatorPrivateKey: _privateKey, ...others } = given
  const options: GlobalOptions = {
    ...others,
    // Empty counts as absent.
    ...(key === '' ? {} : { operatorKey: key }),
    ...(privateKey === '' ? {} : { operatorPrivateKey: privateKey }),
  }
  return {
    output: createOutput(options.json === true, streams),
    streams,
    cwd,
    options,
    load: () => loadConfig(options.config, { env, cwd }),
  }
}
