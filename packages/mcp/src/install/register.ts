import { type Command, Option } from 'commander'
import { examples } from '../examples.js'
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

const ABOUT_INSTALL = `
Every other character of the settings stays as it is; what they were before is kept beside them, and
running it again changes nothing. The entry starts this latchgate-mcp as an agent session: no
operator's credential is ever written. Restart the client afterwards.
${examples(
  ['latchgate-mcp install --client cursor --dry-run', 'shows the lines that would change'],
  ['latchgate-mcp install --client cursor', "writes them, for this user's own gate"],
  [
    'latchgate-mcp install --client codex --gate-url https://gate.example --key-file ~/agent.pem',
    'for a gate of another machine, as the agent that it has registered this key for',
  ],
)}`

const ABOUT_UNINSTALL = `
Where nothing else has changed since, the settings become what they were, to the byte. An entry of an
earlier version that holds an operator's credential goes too.
${examples(['latchgate-mcp uninstall --client cursor', 'takes the entry out again'])}`

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
    .option('--identity-token-file <path>', "the agent's JWT, if the gate knows it by one")
    .option('--binary-path <path>', 'the latchgate-mcp to start (default: this one)')
    .option('--dry-run', 'show what would be written, and write nothing')
    .addHelpText('after', ABOUT_INSTALL)
    .action(async (given: GivenOptions) => {
      const { ide: _ide, client: _client, ...options } = given
      await install({ ...options, client: clientOf(given) }, processSurroundings())
    })
  program
    .command('uninstall')
    .description("Takes LatchGate's entry out of the settings of an MCP client")
    .option('--client <name>', CLIENTS)
    .addOption(new Option('--ide <name>', 'the same as --client').hideHelp())
    .option('--dry-run', 'show what would be written, and write nothing')
    .addHelpText('after', ABOUT_UNINSTALL)
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
