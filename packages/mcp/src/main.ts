import { printable } from '@latchgate/protocol'
import { CommanderError } from 'commander'
import { buildProgram } from './program.js'

/** Runs the command line; resolves to the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(withCommand(argv), { from: 'user' })
    return 0
  } catch (error) {
    // The texts are printed already; `--help` and `--version` arrive here too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const why = error instanceof Error ? error.message : String(error)
    process.stderr.write(`error: ${printable(why)}\n`)
    return 1
  }
}

// Configurations that name no command mean the server: published examples do.
function withCommand(argv: readonly string[]): string[] {
  const [first] = argv
  const isAboutProgram = first !== undefined && ['-h', '--help', '-V', '--version'].includes(first)
  const isBare = first === undefined || (first.startsWith('-') && !isAboutProgram)
  return isBare ? ['serve', ...argv] : [...argv]
}
