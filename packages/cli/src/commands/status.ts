import { isRelaxed, unseparatedPrincipals } from '@latchgate/gate'
import { askGate, findOperator, listenerOf } from '../gate-connection.js'
import type { Context } from '../main.js'

/** `latchgate status`: 0 when the gate answers, 1 when it does not. */
export async function statusCommand(context: Context): Promise<number> {
  const { output } = context
  const loaded = context.load()
  const { config } = loaded
  const listener = await listenerOf(config.listen_admin_uds_path)
  const together = unseparatedPrincipals(config, process.getuid?.() ?? -1)
  const detail = listener === null ? null : await operatorStatus(context)
  output.document({
    config: loaded.file,
    source: loaded.source,
    dev_mode: isRelaxed(config),
    not_separated: together,
    unsafe_resolve: config.egress.unsafe_resolve,
    gate: { running: listener !== null, pid: listener?.pid ?? null },
    detail,
  })
  output.field('configuration', loaded.source)
  output.field('posture', isRelaxed(config) ? relaxedFlags(config.posture) : 'production')
  if (together.length > 0) output.field('separation', `not separated: ${together.join(', ')}`)
  for (const [from, to] of Object.entries(config.egress.unsafe_resolve)) {
    output.field('unsafe_resolve', `${from} → ${to}`)
  }
  if (listener === null) {
    output.field('gate', '✗ not running (start it with `latchgate up`)')
    return 1
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
  return 0
}

const STATUS_LINES = [
  ['state', 'status'],
  ['version', 'version'],
  ['uptime (s)', 'uptime_seconds'],
  ['actions', 'actions_registered'],
  ['in flight', 'in_flight_executions'],
] as const

// The gate's own figures need an operator; without one the rest is still worth showing.
async function operatorStatus(context: Context): Promise<Record<string, unknown> | null> {
  const loaded = context.load()
  const given = context.options
  const hasOperator =
    given.operatorKey !== undefined || Object.keys(loaded.config.operator_credentials).length === 1
  if (!hasOperator) return null
  const operator = findOperator(loaded, given)
  const answer = await askGate(loaded, { method: 'GET', path: '/v1/admin/status' }, operator)
  if (answer.status === 200) return answer.body
  context.output.warn(`the gate answered ${answer.status} to the operator`)
  return null
}

function relaxedFlags(posture: object): string {
  const flags = Object.entries(posture).filter(([, set]) => set === true)
  return `relaxed (${flags.map(([name]) => name).join(', ')})`
}
