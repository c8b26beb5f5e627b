import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { Command } from 'commander'
import { type OperatorGate, openOperatorGate } from './operator-gate.js'
import { type OperatorFlags, operatorOptions } from './operator-options.js'
import { createOperatorServer } from './operator-server.js'

/** Adds `operator`: a person's session, separate from every agent's (spec 1.1). */
export function registerOperator(program: Command): void {
  program
    .command('operator')
    .description('Serve the calls that wait for approval: list, show, deny; never approve')
    .option('--admin-socket <path>', "the gate's admin socket (LATCHGATE_ADMIN_SOCKET)")
    .option(
      '--operator-key <path>',
      "the operator's private key, PEM (LATCHGATE_OPERATOR_PRIVATE_KEY)",
    )
    .option('--public-base-url <url>', "the gate's public_base_url (LATCHGATE_PUBLIC_URL)")
    .addHelpText('after', "\nThe operator's api_key is read from LATCHGATE_OPERATOR_TOKEN.")
    .action(async (flags: OperatorFlags) => {
      const gate = openOperatorGate(operatorOptions(flags, process.env))
      try {
        await assertKnown(gate)
        await serveOverStdio(gate)
      } finally {
        await gate.close()
      }
    })
}

async function assertKnown(gate: OperatorGate): Promise<void> {
  const { status } = await gate.list(1)
  if (status === 200) return
  throw new Error(
    `the gate answered ${status}: check --admin-socket, --operator-key and LATCHGATE_OPERATOR_TOKEN`,
  )
}

async function serveOverStdio(gate: OperatorGate): Promise<void> {
  const server = createOperatorServer(gate)
  const ended = new Promise<void>((resolve) => {
    server.onclose = resolve
    process.stdin.once('end', () => void server.close())
  })
  await server.connect(new StdioServerTransport())
  await ended
}
