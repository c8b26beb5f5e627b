import { type Command, Option } from 'commander'
import { examples } from '../examples.js'
import type { OperatorGate } from './operator-gate.js'
import { type OperatorFlags, operatorOptions } from './operator-options.js'

const MORE = `
For a client of its own, in which no agent of this gate works: texts of held calls come from agents, and
a model reads them here. It can list and show held calls and audit events, and deny. It can never
approve: a person does that at a terminal, with \`latchgate approvals approve\`. Denials are signed with
the operator's key.

What is not given is taken, as \`latchgate\` does, from the project in or above the working directory:
the admin socket, the operator's key and his api_key. The api_key is never taken from the command line.
${examples(
  ['latchgate-mcp operator', 'where the gate is configured, as its operator'],
  [
    'latchgate-mcp operator --admin-socket /run/user/1000/latchgate/gate-admin.sock \\\n' +
      '      --operator-key ~/alice.pem --operator-token-file ~/alice.token',
    'elsewhere, with the key and the api_key of [operator_credentials.alice] in latchgate.toml',
  ],
)}`

/** Adds `operator`: a person's session, separate from every agent's (spec 1.1). */
export function registerOperator(program: Command): void {
  program
    .command('operator')
    .description('Serves a person: lists, shows and denies held calls; never approves')
    .option('--admin-socket <path>', "the gate's admin socket (LATCHGATE_ADMIN_SOCKET)")
    .option(
      '--operator-key <path>',
      "the operator's private key, PEM, mode 0600 (LATCHGATE_OPERATOR_PRIVATE_KEY)",
    )
    .option(
      '--operator-token-file <path>',
      "the operator's api_key, mode 0600 (LATCHGATE_OPERATOR_TOKEN_FILE; or the api_key itself in " +
        'LATCHGATE_OPERATOR_TOKEN)',
    )
    .option('--operator <name>', 'which operator of the project (LATCHGATE_OPERATOR)')
    .option('--public-base-url <url>', "the gate's public_base_url (LATCHGATE_PUBLIC_URL)")
    .option(
      '--gate-name <name>',
      "the gate's gate_name: sign denials for no other log (LATCHGATE_GATE_NAME)",
    )
    // In entries of an earlier version: labels without effect, and two that are refused.
    .addOption(new Option('--operator-id <name>').hideHelp())
    .addOption(new Option('--agent-id <id>').hideHelp())
    .addOption(new Option('--log-level <level>').hideHelp())
    .addOption(new Option('--operator-token <token>').hideHelp())
    .addOption(new Option('--enable-allowlist-tool').hideHelp())
    .addHelpText('after', MORE)
    .action(async (flags: OperatorFlags) => {
      const options = operatorOptions(flags, process.env, process.cwd())
      const { openOperatorGate } = await import('./operator-gate.js')
      const { createOperatorServer } = await import('./operator-server.js')
      const { serveStdio } = await import('../stdio-session.js')
      const gate = openOperatorGate(options)
      try {
        await assertKnown(gate)
        await serveStdio(createOperatorServer(gate, options.gateName))
      } finally {
        await gate.close()
      }
    })
}

async function assertKnown(gate: OperatorGate): Promise<void> {
  const { status, body } = await gate.list(1)
  if (status === 200) return
  const said = [body['error'], body['message']].filter((one) => typeof one === 'string').join(': ')
  throw new Error(
    `the gate answered ${status}${said === '' ? '' : ` (${said})`}: check --admin-socket, ` +
      "--operator-key and the operator's api_key",
  )
}
