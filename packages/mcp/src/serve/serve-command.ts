import { Command } from 'commander'
import { examples } from '../examples.js'
import { type ServeFlags, serveOptions } from './serve-options.js'

const MORE = `
The MCP client starts this command itself; \`latchgate-mcp install\` writes that into its settings.
Each option can also be set in the variable named with it; an option wins over its variable. Without
--gate-socket and --gate-url it is the socket of this user's gate.

The gate knows the agent by the user it runs as (on a socket), by --key-file (a key that was registered
with \`latchgate agents add\`), or by an identity token. Secrets are never options: other users can read
command lines. LATCHGATE_IDENTITY_TOKEN may hold an identity token itself, LATCHGATE_MCP_TOKEN the
bearer token of --http-port.

No tool of this session approves anything. A held call is approved by a person, elsewhere, with
\`latchgate approvals approve\`.
${examples(
  ['latchgate-mcp serve', "over stdio, at this user's gate"],
  [
    'latchgate-mcp serve --gate-url https://gate.example --key-file ~/agent.pem',
    'at a gate of another machine, as the agent that it has registered this key for',
  ],
  [
    'latchgate-mcp serve --http-port 8808 --http-token-file ~/mcp.token',
    'for clients of http://127.0.0.1:8808/mcp that send `Authorization: Bearer` and what\n' +
      '      `(umask 077; openssl rand -hex 32 > ~/mcp.token)` has put there',
  ],
)}`

/** `latchgate-mcp serve`. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description("Serves an agent: the gate's permitted actions as tools, over stdio or HTTP")
    .exitOverride()
  command.optionsGroup('The gate:')
  command
    .option('--gate-socket <path>', "the gate's Unix socket (LATCHGATE_SOCKET)")
    .option('--gate-url <url>', "the gate's URL (LATCHGATE_URL)")
    .option(
      '--public-base-url <url>',
      "the gate's public_base_url, where it is another URL (LATCHGATE_PUBLIC_URL)",
    )
    .option(
      '--gate-timeout <seconds>',
      'how long the gate may take for an answer (LATCHGATE_GATE_TIMEOUT_SECONDS; default 45)',
    )
    .option(
      '--poll-seconds <seconds>',
      'how often to look for changed permissions (LATCHGATE_POLL_SECONDS; default 30)',
    )
  command.optionsGroup('The agent:')
  command
    .option('--key-file <path>', 'its key, PEM, mode 0600 (LATCHGATE_KEY_FILE)')
    .option(
      '--identity-token-file <path>',
      "a JWT of the gate's issuer, mode 0600, read for each use (LATCHGATE_IDENTITY_TOKEN_FILE)",
    )
    .option(
      '--agent-id <id>',
      "a label in the gate's records, never an identity (LATCHGATE_AGENT_ID; default latchgate-mcp)",
    )
    .option('--session-id <id>', 'a name shown in latchgate://status (LATCHGATE_SESSION_ID)')
    .option(
      '--approval-wait <seconds>',
      'how long a held call is waited for before its handle is returned; 0: not at all ' +
        '(LATCHGATE_APPROVAL_WAIT_SECONDS; default 45)',
    )
  command.optionsGroup('HTTP instead of stdio:')
  command
    .option('--http-port <port>', 'serve Streamable HTTP on 127.0.0.1; 0: any free port')
    .option('--http-token-file <path>', 'the bearer token that clients must send, mode 0600')
  command.optionsGroup('Options:')
  return command
    .option('--log-level <level>', 'error, warn, info, debug or trace, on stderr (RUST_LOG; warn)')
    .addHelpText('after', MORE)
    .action(async (flags: ServeFlags) => {
      const options = serveOptions(flags, process.env)
      // Here and not above: `install` and help need nothing of the protocol, which takes its time to load.
      const { serve } = await import('./serve.js')
      await serve(options)
    })
}
