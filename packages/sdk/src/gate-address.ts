import { defaultSocketPath } from './default-socket.js'

/** Where a client may be told to find its gate (spec/http-api 15.1). */
export interface AddressOptions {
  readonly socket?: string | undefined
  readonly baseUrl?: string | undefined
  readonly publicBaseUrl?: string | undefined
}

/** How the gate is reached, and the base that proofs name. */
export interface GateAddress {
  /** Base of request URLs, without a trailing slash. */
  readonly baseUrl: string
  /** Base of the proofs' `htu`. */
  readonly publicBaseUrl: string
  /** Path of the Unix socket; null over TCP. */
  readonly socketPath: string | null
  /** Nobody named this socket: its directory is checked before each connection. */
  readonly isDefaultSocket: boolean
}

/** What requests over a Unix socket name as their host; the gate accepts it there as `htu` base. */
export const SOCKET_BASE_URL = 'http://localhost'

/**
 * `baseUrl`, else `socket`, else `LATCHGATE_URL`, else the default socket. What the program says
 * wins over what its environment says: a variable must not redirect an explicit socket. An empty
 * `baseUrl` switches the variable off; an empty variable counts as unset.
 */
export function resolveGateAddress(
  options: AddressOptions,
  env: Readonly<Record<string, string | undefined>>,
): GateAddress {
  const url = chosenUrl(options, env)
  const socketPath = url === null ? (options.socket ?? defaultSocketPath(env)) : null
  if (socketPath === '')
    throw new TypeError('socket must be the path of a Unix socket, got an empty text')
  const baseUrl = url === null ? SOCKET_BASE_URL : checkedBase(url.name, url.value)
  const { publicBaseUrl } = options
  return {
    baseUrl,
    publicBaseUrl:
      publicBaseUrl === undefined ? baseUrl : checkedBase('publicBaseUrl', publicBaseUrl),
    socketPath,
    isDefaultSocket: socketPath !== null && options.socket === undefined,
  }
}

function chosenUrl(
  options: AddressOptions,
  env: Readonly<Record<string, string | undefined>>,
): { readonly name: string; readonly value: string } | null {
  const { baseUrl, socket } = options
  if (baseUrl !== undefined) return baseUrl === '' ? null : { name: 'baseUrl', value: baseUrl }
  if (socket !== undefined) return null
  const variable = env['LATCHGATE_URL'] ?? ''
  return variable === '' ? null : { name: 'LATCHGATE_URL', value: variable }
}

// Kept as written, not as WHATWG would rewrite it: the gate compares `htu` with its own setting.
function checkedBase(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError(`${name} must be an http:// or https:// URL, got '${value}'`)
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError(`${name} must not hold user, query or fragment: '${url.origin}…'`)
  }
  return value.replace(/\/+$/, '')
}
