import { Command } from 'commander'
import { registerInstall } from './install/register.js'
import { registerOperator } from './operator/register.js'
import { VERSION } from './program-version.js'
import { serveCommand } from './serve/serve-command.js'

/** The command line of `latchgate-mcp`. */
export function buildProgram(): Command {
  const program = new Command('latchgate-mcp')
  program
    .description('Gives an MCP client the gated tools of a LatchGate gate')
    .version(VERSION)
    .exitOverride()
  program.addCommand(serveCommand())
  registerInstall(program)
  registerOperator(program)
  return program
}
