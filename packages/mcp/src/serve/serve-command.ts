import { Command } from 'commander'
import { serve } from './serve.js'
import { type ServeFlags, serveOptions } from './serve-options.js'

/** `latchgate-mcp serve`. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Serve the permitted actions of a gate as tools (an agent session)')
    .option('--gate-socket <path>', "the gate's Unix socket (LATCHGATE_SOCKET)")
    .option('--gate-url <url>', "the gate's URL (LATCHGATE_URL)")
    .option('--public-base-url <url>', "the gate's public_base_url (LATCHGATE_PUBLIC_URL)")
    .option('--key-file <path>', 'key that the gate has registered (LATCHGATE_KEY_FILE)')
    .option('--agent-id <id>', "a label in the gate's records (LATCHGATE_AGENT_ID)")
    .option('--session-id <id>', 'names this session (LATCHGATE_SESSION_ID)')
    .option('--log-level <level>', 'error, warn, info, debug or trace (RUST_LOG; default warn)')
    .option(
      '--approval-wait <seconds>',
      'how long a held call is waited for; 0 returns its handle at once ' +
        '(LATCHGATE_APPROVAL_WAIT_SECONDS; default 45)',
    )
    .option(
      '--poll-seconds <seconds>',
      'how often to look for changed permissions (LATCHGATE_POLL_SECONDS; default 30)',
    )
    .option('--http-port <port>', 'serve Streamable HTTP on 127.0.0.1 in place of stdio')
    .option('--http-token-file <path>', 'file of the bearer token that HTTP clients must send')
    .exitOverride()
    .action((flags: ServeFlags) => serve(serveOptions(flags, process.env)))
}
