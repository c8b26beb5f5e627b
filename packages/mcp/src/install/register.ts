import { type Command, Option } from 'commander'
import { CLIENT_NAMES } from './clients.js'
import { InstallError } from './install-error.js'
import type { LaunchOptions } from './launch.js'
import { type InstallSurroundings, install, uninstall } from './run-install.js'

interface GivenOptions extends LaunchOptions {
  readonly client?: string
  readonly ide?: string
  readonly dryRun?: boolean
}

const CLIENTS = `the MCP client: ${CLIENT_NAMES.join(', ')}`

/** Adds `install` and `uninstall` to the command line (spec/mcp-webhooks-sandbox 2). */
export function registerInstall(program: Command): void {
  program
    .command('install')
    .description("Puts LatchGate's tools into the settings of an MCP client")
    .option('--client <name>', CLIENTS)
    .addOption(new Option('--ide <name>', 'the same as --client').hideHelp())
    .option('--gate-socket <path>', "the gate's Unix socket (default: that of this user's gate)")
    .option('--gate-url <url>', "the gate's URL, instead of a socket")
    .option('--public-base-url <url>', 'the base URL the gate expects in proofs, if another one')
    .option('--key-file <path>', "the agent's key, if the gate has registered one")
    .option('--binary-path <path>', 'the latchgate-mcp to start (default: this one)')
    .option('--dry-run', 'show what would be written, and write nothing')
    .action((given: GivenOptions) => {
      const { ide: _ide, client: _client, ...options } = given
      install({ ...options, client: clientOf(given) }, processSurroundings())
    })
  program
    .command('uninstall')
    .description("Takes LatchGate's entry out of the settings of an MCP client")
    .option('--client <name>', CLIENTS)
    .addOption(new Option('--ide <name>', 'the same as --client').hideHelp())
    .option('--dry-run', 'show what would be written, and write nothing')
    .action((given: GivenOptions) => {
      uninstall({ client: clientOf(given), dryRun: given.dryRun === true }, processSurroundings())
    })
}

function clientOf({ client, ide }: GivenOptions): string {
  if (client !== undefined && ide !== undefined && client !== ide) {
    throw new InstallError(`--client ${client} and --ide ${ide} differ: give one of them`)
  }
  const name = client ?? ide
  if (name !== undefined) return name
  throw new InstallError(`--client is missing: choose one of ${CLIENT_NAMES.join(', ')}`)
}

function processSurroundings(): InstallSurroundings {
  return {
    platform: process.platform,
    env: process.env,
    cwd: process.cwd(),
    uid: process.getuid?.() ?? null,
    say: (line) => process.stdout.write(`${line}\n`),
    warn: (line) => process.stderr.write(`warning: ${line}\n`),
  }
}
