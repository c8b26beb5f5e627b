import {
  egressProfileFromJson,
  type LatchGateClient,
  LatchGateError,
  LatchGateTransportError,
} from 'latchgate'
import type { ListedAction } from './action-tool.js'

/** Requests at a time to a gate that has to be asked about each action. */
const AT_ONCE = 8
const TIMEOUT_MS = 30_000
const MAX_CHARACTERS = 4 * 1024 * 1024

/**
 * The actions that this agent may call; from a gate that cannot say that (0.2.0), all there are,
 * with what their details say. `base` is where the gate is reached. Throws `LatchGateError`.
 */
export async function readActions(
  client: LatchGateClient,
  base: string,
): Promise<readonly ListedAction[]> {
  try {
    return await client.listPermittedActions()
  } catch (error) {
    if (!(error instanceof LatchGateError) || error.status !== 404) throw error
    return readCatalogue(client, base)
  }
}

async function readCatalogue(
  client: LatchGateClient,
  base: string,
): Promise<readonly ListedAction[]> {
  const summaries = await client.listActions()
  const actions: ListedAction[] = []
  for (let start = 0; start < summaries.length; start += AT_ONCE) {
    const some = summaries.slice(start, start + AT_ONCE).map(async (summary) => {
      const path = `/v1/actions/${encodeURIComponent(summary.actionId)}`
      const [detail, schema] = await Promise.all([
        readJson(client, base, path),
        readJson(client, base, `${path}/schema/request`),
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
  base: string,
  path: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const { status, text } = await get(client, base, path)
  if (status === 404) return null
  if (status !== 200 || text.length > MAX_CHARACTERS) {
    throw new LatchGateError(`the gate answered ${status} to GET ${path}`, { status })
  }
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Readonly<Record<string, unknown>>)
      : null
  } catch (cause) {
    throw new LatchGateTransportError(
      `the answer to GET ${path} is not JSON`,
      { status },
      { cause },
    )
  }
}

async function get(
  client: LatchGateClient,
  base: string,
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const { origin, pathname } = new URL(base)
  try {
    const answer = await client.httpDispatcher.request({
      origin,
      path: pathname.replace(/\/+$/, '') + path,
      method: 'GET',
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new LatchGateTransportError(`GET ${path}: ${why}`, {}, { cause })
  }
}

function texts(json: unknown): readonly string[] | null {
  if (!Array.isArray(json)) return null
  return json.filter((one): one is string => typeof one === 'string')
}
