import { main } from '../src/main.js'
import type { Streams } from '../src/output.js'
import type { Machine } from './cli-process.js'

/** What a run of the command said. */
export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command line inside the test, in the project of a machine. */
export async function runHere(
  machine: Machine,
  argv: readonly string[],
  given: {
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
    readonly terminal?: Streams['terminal']
  } = {},
): Promise<Said> {
  let stdout = ''
  let stderr = ''
  const streams: Streams = {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: {
      PATH: process.env['PATH'],
      HOME: machine.temp.path,
      XDG_RUNTIME_DIR: machine.runtime,
      ...given.env,
    },
    ...(given.terminal === undefined ? {} : { terminal: given.terminal }),
  }
  const code = await main(argv, streams, given.cwd ?? machine.project)
  return { code, stdout, stderr }
}

/** Runs a command with `--json` inside the test: its exit code and its one document. */
export async function jsonHere(
  machine: Machine,
  argv: readonly string[],
  given: Parameters<typeof runHere>[2] = {},
): Promise<{ readonly code: number; readonly document: Record<string, unknown> }> {
  const { code, stdout, stderr } = await runHere(machine, [...argv, '--json'], given)
  if (stderr !== '' || stdout.split('\n').length !== 2) throw new Error(`${stdout}${stderr}`)
  return { code, document: JSON.parse(stdout) as Record<string, unknown> }
}
