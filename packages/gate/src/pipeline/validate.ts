import { MAX_JSON_DEPTH } from '@latchgate/catalogue'
import {
  canonicalBytes,
  type Json,
  JsonFault,
  type JsonObject,
  parseJson,
  type Result,
} from '@latchgate/protocol'
import { digest, digestBytes } from '@latchgate/protocol/node'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Resolved, Validated } from './call.js'
import { isLonger } from './compact-size.js'

/**
 * Reads the body and parses it strictly, whatever its Content-Type says. `request_hash` is over the
 * body as sent, `arguments_hash` over what the provider gets, defaults applied.
 */
export async function validate(call: Resolved): Promise<Result<Validated, Refusal>> {
  const body = await call.readBody()
  if (!(body instanceof Uint8Array)) return { ok: false, error: body }
  const limit = call.registered.manifest.io.max_request_bytes
  if (isLonger(body, limit)) {
    // As the check of the parsed form would say it, for a fraction of the work.
    const why = `/ exceeds the size limit of ${limit} bytes`
    return violation('', why, why)
  }
  const parsed = parseParameters(body)
  if (!parsed.ok) return parsed
  const sent = parsed.value
  const checked = call.registered.action.validateRequest(sent)
  if (!checked.ok) {
    const first = checked.error[0]
    const why = checked.error.map((fault) => `${fault.path || '/'} ${fault.message}`).join('; ')
    return violation(first?.path ?? '', why, why)
  }
  const { params, arguments: args } = checked.value
  const argumentBytes = canonicalBytes(args)
  return {
    ok: true,
    value: {
      ...call,
      // What passed its check is an object.
      sent: sent as JsonObject,
      params,
      arguments: args,
      argumentBytes,
      requestHash: digest(sent),
      argumentsHash: digestBytes(argumentBytes),
    },
  }
}

function parseParameters(body: Uint8Array): Result<Json, Refusal> {
  if (body.length === 0) return { ok: true, value: {} }
  try {
    return { ok: true, value: parseJson(body, { maxDepth: MAX_JSON_DEPTH }) }
  } catch (error) {
    if (error instanceof JsonFault) return violation(error.path, error.reason, error.message)
    throw error
  }
}

function violation(path: string, reason: string, message: string): Refused {
  return {
    ok: false,
    error: refuse('schema_violation', {
      message,
      body: { reason, path },
      detail: `request schema: ${message}`,
    }),
  }
}
