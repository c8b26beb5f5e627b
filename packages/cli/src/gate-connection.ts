import type { LoadedConfig } from '@latchgate/gate'
import { Client } from 'undici'
import { CommandFailure } from './command-failure.js'
import type { OperatorKey } from './operator-key.js'

/** An answer of the gate. */
export interface GateAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** What to ask. */
export interface GateRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Without the query. */
  readonly path: string
  /** Members that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Sent as JSON. */
  readonly body?: object
  /** Ends the wait for an answer. */
  readonly signal?: AbortSignal
  /** Milliseconds for headers and for the body; default 10 s. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 10_000

/** Asks a running gate over its admin socket; with an operator's key where the route needs one. */
export async function askGate(
  loaded: LoadedConfig,
  request: GateRequest,
  operator?: OperatorKey,
): Promise<GateAnswer> {
  const { method, path, query = {}, body, signal, timeoutMs = TIMEOUT_MS } = request
  const socketPath = loaded.config.listen_admin_uds_path
  const client = new Client('http://localhost', {
    socketPath,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  try {
    const response = await client.request({
      method,
      path: `${path}${queryText(query)}`,
      headers: {
        ...(operator === undefined ? {} : credentialsFor(loaded, { method, path }, operator)),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    return { status: response.statusCode, body: (await response.body.json()) as GateAnswer['body'] }
  } catch (cause) {
    throw noAnswer(socketPath, cause)
  } finally {
    await client.destroy()
  }
}

/** The body of a 200; a failure that says what the gate said otherwise. */
export function bodyOf(answer: GateAnswer): GateAnswer['body'] {
  if (answer.status === 200) return answer.body
  const { error, message } = answer.body
  const said = [error, message].filter((one) => typeof one === 'string').join(': ')
  const hints =
    answer.status === 401
      ? ['the gate does not know this operator: pass --operator-key and --operator-private-key']
      : []
  throw new CommandFailure('gate_refused', `the gate answered ${answer.status}: ${said}`, {
    hints,
    fields: { status: answer.status },
  })
}

function queryText(query: NonNullable<GateRequest['query']>): string {
  const given = Object.entries(query).filter((pair) => pair[1] !== undefined)
  const pairs = given.map(([name, value]): [string, string] => [name, String(value)])
  const text = new URLSearchParams(pairs).toString()
  return text === '' ? '' : `?${text}`
}

function credentialsFor(
  loaded: LoadedConfig,
  { method, path }: GateRequest,
  operator: OperatorKey,
): Record<string, string> {
  const url = `${loaded.config.public_base_url.replace(/\/+$/, '')}${path}`.split('?')[0] ?? ''
  const proof = operator.key.signProof({ method, url, accessToken: operator.apiKey })
  return { authorization: `DPoP ${operator.apiKey}`, dpop: proof }
}

function noAnswer(socketPath: string, cause: unknown): CommandFailure {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new CommandFailure('gate_not_running', `no gate is running (nobody on ${socketPath})`, {
      hints: ['start it with: latchgate up -d'],
    })
  }
  if (code === 'EACCES' || code === 'EPERM') return notPermitted(socketPath)
  return new CommandFailure(
    'not_a_gate',
    `what listens on ${socketPath} does not answer as a gate: ${message}`,
  )
}

/** The admin socket belongs to somebody else. */
export function notPermitted(socketPath: string): CommandFailure {
  return new CommandFailure('io_error', `this user may not use the admin socket ${socketPath}`, {
    hints: [
      "run the command as the gate's user, or let a group in with `listen_admin_uds_group` " +
        'in the configuration',
    ],
  })
}
