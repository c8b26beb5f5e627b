import { CommanderError } from 'commander'
import { usageFailure } from './command-failure.js'
import { contextOf } from './context.js'
import { asFailure } from './failures.js'
import { reportFailure, type Streams } from './output.js'
import { buildProgram } from './program.js'

// A getter: to open standard input is to hold the process open, and few commands ask anything.
const PROCESS_STREAMS: Streams = {
  stdout: process.stdout,
  stderr: process.stderr,
  get stdin() {
    return process.stdin
  },
  get terminal() {
    const { stdin, stdout } = process
    return stdin.isTTY && stdout.isTTY ? { input: stdin, output: stdout } : undefined
  },
  env: process.env,
}

/** Runs the command line; resolves to the exit code (spec/cli-and-config 1.6). */
export async function main(
  argv: readonly string[],
  streams: Streams = PROCESS_STREAMS,
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
    const failure = usageFailure(message)
    reportFailure(failure, json, streams)
  }
  return 2
}
