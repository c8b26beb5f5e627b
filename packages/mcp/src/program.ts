import { Command } from 'commander'
import { examples } from './examples.js'
import { registerInstall } from './install/register.js'
import { registerOperator } from './operator/register.js'
import { VERSION } from './program-version.js'
import { serveCommand } from './serve/serve-command.js'

/** The command line of `latchgate-mcp`. */
export function buildProgram(): Command {
  const program = new Command('latchgate-mcp')
  program
    .description(
      'Gives MCP clients the tools of a LatchGate gate: called only as its policy allows',
    )
    .version(VERSION)
    .exitOverride()
    .addHelpText(
      'after',
      `\nWithout a command it serves, as published settings of MCP clients expect.\n${examples(
        ['latchgate-mcp install --client claude-code', 'gives the client the tools of your gate'],
        ['latchgate-mcp install --help', 'the clients, and what is written for them'],
        ['latchgate-mcp uninstall --client claude-code', 'takes them away again'],
      )}`,
    )
  program.addCommand(serveCommand())
  registerInstall(program)
  registerOperator(program)
  return program
}
