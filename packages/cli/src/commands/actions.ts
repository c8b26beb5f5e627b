import { isResourceId } from '@latchgate/protocol'
import { askGate } from '../gate-connection.js'
import type { Context } from '../main.js'
import { CommandFailure, printable } from '../output.js'

/** `latchgate actions [ACTION_ID]`: what the running gate offers. */
export async function actionsCommand(
  context: Context,
  actionId: string | undefined,
): Promise<number> {
  return actionId === undefined ? list(context) : show(context, actionId)
}

async function list(context: Context): Promise<number> {
  const { output } = context
  const answer = await askGate(context.load(), { method: 'GET', path: '/v1/actions' })
  output.document(answer.body)
  const actions = answer.body['actions'] as readonly Record<string, string>[]
  output.table([
    ['action_id', 'version', 'risk', 'what it does'],
    ...actions.map((action) => [
      action['action_id'] ?? '',
      action['version'] ?? '',
      action['risk_level'] ?? '',
      printable(action['description'] ?? '').slice(0, 72),
    ]),
  ])
  output.line(`\n  ${actions.length} actions; details: latchgate actions <action_id>`)
  return 0
}

async function show(context: Context, actionId: string): Promise<number> {
  const { output } = context
  if (!isResourceId(actionId))
    throw new CommandFailure(`'${printable(actionId)}' is not an action id`)
  const path = `/v1/actions/${actionId}`
  const loaded = context.load()
  const answer = await askGate(loaded, { method: 'GET', path })
  if (answer.status === 404) throw new CommandFailure(`action '${actionId}' not found`)
  output.document(answer.body)
  const schema = await askGate(loaded, { method: 'GET', path: `${path}/schema/request` })
  const detail = answer.body
  output.line(`${actionId}  ${String(detail['version'])}  risk ${String(detail['risk_level'])}`)
  output.line(`  ${printable(String(detail['description'] ?? ''))}\n`)
  const egress = detail['egress'] as { allowed_domains?: readonly string[] } | 'none'
  const hosts = egress === 'none' ? 'none' : (egress.allowed_domains ?? []).join(', ')
  output.field('egress', hosts === '' ? 'no host without an approval' : hosts)
  output.field('effects', (detail['declared_side_effects'] as readonly string[]).join(', '))
  output.field('limits', JSON.stringify(detail['resource_limits']))
  output.field('module', String(detail['provider_module_sha256']))
  if (schema.status === 200) {
    output.line('\n  Parameters (JSON Schema):')
    output.line(JSON.stringify(schema.body, null, 2).replaceAll(/^/gm, '  '))
  }
  return 0
}
