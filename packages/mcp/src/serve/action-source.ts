import { egressProfileFromJson, type LatchGateClient, LatchGateError } from 'latchgate'
import type { ListedAction } from './action-tool.js'

/** Requests at a time to a gate that has to be asked about each action. */
const AT_ONCE = 8
const TIMEOUT_MS = 30_000
const MAX_BYTES = 4 * 1024 * 1024

/**
 * The actions that this agent may call; from a gate that cannot say that (0.2.0), all there are,
 * with what their details say. Throws `LatchGateError`.
 */
export async function readActions(client: LatchGateClient): Promise<readonly ListedAction[]> {
  try {
    return await client.listPermittedActions()
  } catch (error) {
    if (!(error instanceof LatchGateError) || error.status !== 404) throw error
    return readCatalogue(client)
  }
}

async function readCatalogue(client: LatchGateClient): Promise<readonly ListedAction[]> {
  const summaries = await client.listActions()
  const actions: ListedAction[] = []
  for (let start = 0; start < summaries.length; start += AT_ONCE) {
    const some = summaries.slice(start, start + AT_ONCE).map(async (summary) => {
      const path = `/v1/actions/${encodeURIComponent(summary.actionId)}`
      const [detail, schema] = await Promise.all([
        readJson(client, path),
        readJson(client, `${path}/schema/request`),
      ])
      return {
        actionId: summary.actionId,
        version: summary.version,
        description: summary.description ?? '',
        riskLevel: summary.riskLevel,
        declaredSideEffects: texts(detail?.['declared_side_effects']),
        egress: egressProfileFromJson(detail?.['egress']),
        approval: 'none' as const,
        requestSchema: schema,
      }
    })
    actions.push(...(await Promise.all(some)))
  }
  return actions
}

// These two routes need no lease. Null: there is none, which is not a failure.
async function readJson(
  client: LatchGateClient,
  path: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const base = new URL(client.gateUrl)
  const answer = await client.httpDispatcher.request({
    origin: base.origin,
    path: base.pathname.replace(/\/+$/, '') + path,
    method: 'GET',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await answer.body.text()
  if (answer.statusCode === 404) return null
  if (answer.statusCode !== 200 || text.length > MAX_BYTES) {
    throw new LatchGateError(`the gate answered ${answer.statusCode} to GET ${path}`)
  }
  const json: unknown = JSON.parse(text)
  return typeof json === 'object' && json !== null && !Array.isArray(json)
    ? (json as Readonly<Record<string, unknown>>)
    : null
}

function texts(json: unknown): readonly string[] | null {
  if (!Array.isArray(json)) return null
  return json.filter((one): one is string => typeof one === 'string')
}
