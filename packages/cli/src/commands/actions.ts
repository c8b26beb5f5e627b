import { isResourceId } from '@latchgate/protocol'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { askGate, bodyOf } from '../gate-connection.js'
import { findListener } from '../listener.js'

interface ListedAction {
  readonly action_id: string
  readonly version: string
  readonly risk_level: string
  readonly description: string
}

/** `latchgate actions [ACTION_ID]`: what the running gate offers. */
export async function actionsCommand(
  context: Context,
  actionId: string | undefined,
): Promise<number> {
  const listener = await findListener(context.load())
  if (listener.kind === 'another_gate') {
    const at = listener.directory === null ? '' : ` in ${listener.directory}`
    context.output.warn(`this is the gate of another project: pid ${listener.pid}${at}`)
  }
  return actionId === undefined ? list(context) : show(context, actionId)
}

async function list(context: Context): Promise<number> {
  const { output } = context
  const body = bodyOf(await askGate(context.load(), { method: 'GET', path: '/v1/actions' }))
  output.document(body)
  const actions = body['actions'] as readonly ListedAction[]
  output.table([
    ['action_id', 'version', 'risk', 'what it does'],
    ...actions.map(({ action_id, version, risk_level, description }) => [
      action_id,
      version,
      risk_level,
      firstSentence(description),
    ]),
  ])
  output.line()
  output.line(`  ${actions.length} actions; parameters and limits: latchgate actions <action_id>`)
  output.line('  Who may call what: latchgate policy show')
  return 0
}

async function show(context: Context, actionId: string): Promise<number> {
  const { output } = context
  const notFound = new CommandFailure('not_found', `there is no action '${actionId}'`, {
    hints: ['list them with: latchgate actions'],
  })
  if (!isResourceId(actionId)) throw notFound
  const path = `/v1/actions/${actionId}`
  const loaded = context.load()
  const answer = await askGate(loaded, { method: 'GET', path })
  if (answer.status === 404) throw notFound
  const detail = bodyOf(answer)
  output.document(detail)
  const schema = await askGate(loaded, { method: 'GET', path: `${path}/schema/request` })
  output.line(`${actionId}  ${String(detail['version'])}  risk ${String(detail['risk_level'])}`)
  output.line()
  for (const line of wrapped(String(detail['description'] ?? ''))) output.line(`  ${line}`)
  output.line()
  const egress = detail['egress'] as { allowed_domains?: readonly string[] } | 'none'
  const hosts = egress === 'none' ? 'none' : (egress.allowed_domains ?? []).join(', ')
  output.field('egress', hosts === '' ? 'no host without an approval' : hosts)
  output.field('effects', (detail['declared_side_effects'] as readonly string[]).join(', '))
  const limits = Object.entries(detail['resource_limits'] as Readonly<Record<string, number>>)
  output.field('limits', limits.map(([name, value]) => `${name} ${value}`).join(', '))
  output.field('module', String(detail['provider_module_sha256']))
  if (schema.status === 200) {
    output.line()
    output.line('  Parameters (JSON Schema):')
    output.line(JSON.stringify(schema.body, null, 2).replaceAll(/^/gm, '  '))
  }
  return 0
}

function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text
}

const WRAP_AT = 76

function wrapped(text: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > WRAP_AT) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return line === '' ? lines : [...lines, line]
}
