import { relaxedFlags, unseparatedPrincipals } from '@latchgate/gate'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findListener, type Listener, occupied } from '../listener.js'
import { logVerifierKey } from '../log-verifier-key.js'
import { findOperator } from '../operator-key.js'

/** `latchgate status`: 0 when this project's gate answers, 1 when it does not. */
export async function statusCommand(context: Context): Promise<number> {
  const { output } = context
  const loaded = context.load()
  const { config, file } = loaded
  const listener = await findListener(loaded)
  const isRunning = listener.kind === 'this_gate'
  // Without a file the defaults describe nothing that could run.
  const together =
    file === null && !isRunning ? [] : unseparatedPrincipals(config, process.getuid?.() ?? -1)
  const detail = isRunning ? await operatorStatus(context) : null
  const logKey = logVerifierKey(config)
  const relaxed = relaxedFlags(config)
  output.document({
    config: file,
    source: loaded.source,
    dev_mode: relaxed.length > 0,
    relaxed,
    not_separated: together,
    unsafe_resolve: config.egress.unsafe_resolve,
    socket: config.listen_uds_path,
    admin_socket: config.listen_admin_uds_path,
    ledger: config.ledger_db_path,
    log_key: logKey,
    gate: {
      running: isRunning,
      listener: listener.kind === 'nobody' ? null : listener.kind,
      pid: listener.kind === 'nobody' ? null : listener.pid,
    },
    detail,
  })
  if (file === null && !isRunning) {
    output.field('configuration', 'none here: `latchgate up` sets one up')
  } else {
    output.field('configuration', loaded.source)
    output.field('posture', relaxed.length > 0 ? `relaxed (${relaxed.join(', ')})` : 'production')
    if (together.length > 0) output.field('separation', `not separated: ${together.join(', ')}`)
    output.field('socket', config.listen_uds_path)
    output.field('admin socket', config.listen_admin_uds_path)
    output.field('ledger', config.ledger_db_path)
    if (logKey !== null) output.field('log key', logKey)
  }
  for (const [from, to] of Object.entries(config.egress.unsafe_resolve)) {
    output.field('unsafe_resolve', `${from} → ${to}`)
  }
  printGate(context, listener, detail)
  return isRunning ? 0 : 1
}

function printGate(
  context: Context,
  listener: Listener,
  detail: Readonly<Record<string, unknown>> | null,
): void {
  const { output } = context
  if (listener.kind === 'nobody') {
    output.field('gate', '✗ not running; start it with: latchgate up -d')
    return
  }
  if (listener.kind !== 'this_gate') {
    const { message, hints } = occupied(context.load(), listener)
    output.field('gate', `✗ not running: ${message}`)
    for (const hint of hints) output.hint(hint)
    return
  }
  output.field('gate', `✓ running, pid ${listener.pid}`)
  for (const [label, member] of STATUS_LINES) {
    const value = detail?.[member]
    if (value !== undefined) output.field(label, String(value))
  }
  const unknown = detail?.['unknown_intents']
  if (typeof unknown === 'number' && unknown > 0) {
    output.warn(`${unknown} dispatched call(s) have no known outcome`)
    output.hint('see GET /v1/admin/intents: each waits for a human, none is repeated by itself')
  }
}

const STATUS_LINES = [
  ['state', 'status'],
  ['version', 'version'],
  ['uptime (s)', 'uptime_seconds'],
  ['actions', 'actions_registered'],
  ['in flight', 'in_flight_executions'],
  ['held calls', 'pending_approvals'],
  ['revocations', 'revocation_epoch'],
] as const

// The gate's own figures need an operator; without one the rest is still worth showing.
async function operatorStatus(context: Context): Promise<Record<string, unknown> | null> {
  const loaded = context.load()
  try {
    const operator = findOperator(loaded, context.options)
    return bodyOf(await askGate(loaded, { method: 'GET', path: '/v1/admin/status' }, operator))
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    context.output.warn(`the gate's own figures are not shown: ${error.message}`)
    for (const hint of error.hints) context.output.hint(hint)
    return null
  }
}
