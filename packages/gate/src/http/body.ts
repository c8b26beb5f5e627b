import type { IncomingMessage } from 'node:http'
import { type Json, JsonFault, parseJson, type Result } from '@latchgate/protocol'
import { MAX_BODY_BYTES } from '../pipeline/admit.js'
import { isLonger } from '../pipeline/compact-size.js'
import { type Refusal, refuse } from '../refusal.js'
import { askForBody } from './request-framing.js'

/** Bytes of the compact form beyond which the body of a JSON endpoint is not parsed. */
export const MAX_JSON_BYTES = 65_536

/**
 * Reads a body of at most 1 MiB. A larger one is a `Refusal`, and the rest of it is not read; so is
 * one that breaks off, for then the client has failed and not the gate.
 */
export async function readBody(request: IncomingMessage): Promise<Uint8Array | Refusal> {
  askForBody(request)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > MAX_BODY_BYTES) return refuse('request_too_large')
      chunks.push(chunk)
    }
  } catch (error) {
    if (request.complete) throw error
    return refuse('bad_request', { message: 'the connection ended before the body did' })
  }
  return Buffer.concat(chunks, length)
}

/** True for a request that declares no body at all. */
export function isBodyless({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return coding === undefined && (length === undefined || length === '0')
}

/** Reads and strictly parses the body of a JSON endpoint: 415, 413, 400 or 422 (design 3). */
export async function readJson(request: IncomingMessage): Promise<Result<Json, Refusal>> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== 'application/json' && !/^application\/[a-z0-9.!#$&^_-]+\+json$/.test(type)) {
    const message = 'send the body with Content-Type: application/json'
    return { ok: false, error: refuse('unsupported_media_type', { message }) }
  }
  const body = await readBody(request)
  if (!(body instanceof Uint8Array)) return { ok: false, error: body }
  if (isLonger(body, MAX_JSON_BYTES)) {
    const message = `The body is larger than ${MAX_JSON_BYTES} bytes.`
    return { ok: false, error: refuse('request_too_large', { message }) }
  }
  try {
    return { ok: true, value: parseJson(body, { maxDepth: 32 }) }
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    const isSyntax = ['empty', 'utf8', 'bom', 'syntax', 'trailing'].includes(error.reason)
    const fields = { reason: error.reason, path: error.path }
    const code = isSyntax ? 'invalid_json' : 'invalid_request'
    return { ok: false, error: refuse(code, { message: error.message, body: fields }) }
  }
}
