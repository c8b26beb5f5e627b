import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { type LoadedConfig, type PeerCredentials, readPeerCredentials } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { Client } from 'undici'
import { CommandFailure } from './output.js'

/** What an operator proves himself with. */
export interface OperatorKey {
  readonly apiKey: string
  readonly key: DPoPKeyPair
}

/** An answer of the gate. */
export interface GateAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

const TIMEOUT_MS = 10_000

/** Asks a running gate over its admin socket; with an operator's key where the route needs one. */
export async function askGate(
  loaded: LoadedConfig,
  request: { readonly method: 'GET' | 'POST'; readonly path: string },
  operator?: OperatorKey,
): Promise<GateAnswer> {
  const socketPath = loaded.config.listen_admin_uds_path
  const client = new Client('http://localhost', { socketPath, headersTimeout: TIMEOUT_MS })
  const url = `${loaded.config.public_base_url.replace(/\/+$/, '')}${request.path}`
  try {
    const response = await client.request({
      ...request,
      headers:
        operator === undefined
          ? {}
          : {
              authorization: `DPoP ${operator.apiKey}`,
              dpop: operator.key.signProof({
                method: request.method,
                url: url.split('?')[0] ?? url,
                accessToken: operator.apiKey,
              }),
            },
    })
    return { status: response.statusCode, body: (await response.body.json()) as GateAnswer['body'] }
  } catch (cause) {
    throw notReachable(loaded, cause)
  } finally {
    await client.close()
  }
}

/** Finds the operator's key: given on the command line, or the one credential of the project. */
export function findOperator(
  loaded: LoadedConfig,
  given: { readonly operatorKey?: string; readonly operatorPrivateKey?: string },
): OperatorKey {
  const { operatorKey, operatorPrivateKey } = given
  if (operatorKey !== undefined && operatorKey !== '') {
    if (operatorPrivateKey === undefined) {
      throw new CommandFailure('--operator-key needs --operator-private-key (a PEM file)')
    }
    return { apiKey: operatorKey, key: readKey(operatorPrivateKey) }
  }
  const entries = Object.entries(loaded.config.operator_credentials)
  const [first, second] = entries
  if (first === undefined) {
    throw new CommandFailure('no operator credentials in the configuration', {
      hint: 'add [operator_credentials.<name>] or pass --operator-key and --operator-private-key',
    })
  }
  if (second !== undefined) {
    throw new CommandFailure(
      `multiple operator credentials: ${entries.map(([name]) => name).join(', ')}`,
      { hint: 'choose one with --operator-key and --operator-private-key' },
    )
  }
  const [name, credential] = first
  const base = loaded.file === null ? loaded.root : dirname(loaded.file)
  const file = operatorPrivateKey ?? join(base, 'operators', `${name}.pem`)
  if (!existsSync(file)) {
    throw new CommandFailure(`no private key for operator '${name}' at ${file}`, {
      hint: 'looked for .latchgate/operators/<name>.pem; pass --operator-private-key PATH',
    })
  }
  return { apiKey: credential.api_key, key: readKey(file) }
}

/** The process that listens on a Unix socket, as the kernel says; null when nobody does. */
export function listenerOf(path: string): Promise<PeerCredentials | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      try {
        resolve(readPeerCredentials(socket))
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      } finally {
        socket.destroy()
      }
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null)
      else reject(error)
    })
  })
}

function readKey(file: string): DPoPKeyPair {
  try {
    return DPoPKeyPair.fromPemFile(file)
  } catch (error) {
    throw new CommandFailure(`cannot read the operator's private key ${file}: ${String(error)}`)
  }
}

function notReachable(loaded: LoadedConfig, cause: unknown): CommandFailure {
  const path = loaded.config.listen_admin_uds_path
  const text = cause instanceof Error ? cause.message : String(cause)
  return new CommandFailure(`gate not reachable: ${text}`, {
    hint: `no gate answers on ${path}: start it with \`latchgate up\``,
  })
}
