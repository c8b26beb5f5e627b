import { randomUUID } from 'node:crypto'
import { isLogLevel, type LogLevel } from './stderr-log.js'

/** How `latchgate-mcp serve` runs (spec/mcp-webhooks-sandbox 1.2). */
export interface ServeOptions {
  /** Null: over TCP, or the default socket. */
  readonly socket: string | null
  /** Null: over a socket. */
  readonly gateUrl: string | null
  readonly publicBaseUrl: string | null
  /** File of the key that the gate has registered for this agent. */
  readonly keyFile: string | null
  /** File of a JWT of an issuer that the gate trusts, read anew for each use. */
  readonly identityTokenFile: string | null
  /** Such a JWT itself, from the environment. */
  readonly identityToken: string | null
  /** A label in the gate's records, never an identity. */
  readonly agentId: string
  /** Names this session in `latchgate://status`. */
  readonly sessionId: string
  readonly logLevel: LogLevel
  /** Seconds that the gate may take for an answer. */
  readonly gateTimeoutSeconds: number
  /** Seconds that a held call is waited for before its handle is returned; 0: not at all. */
  readonly approvalWaitSeconds: number
  /** Seconds between two looks at the list of actions. */
  readonly pollSeconds: number
  /** Null: stdio. */
  readonly httpPort: number | null
  /** File of the bearer token of the HTTP transport. */
  readonly httpTokenFile: string | null
}

/** What the command line said; everything is text, absent what it did not say. */
export interface ServeFlags {
  readonly gateSocket?: string
  readonly gateUrl?: string
  readonly publicBaseUrl?: string
  readonly keyFile?: string
  readonly identityTokenFile?: string
  readonly agentId?: string
  readonly sessionId?: string
  readonly logLevel?: string
  readonly gateTimeout?: string
  readonly approvalWait?: string
  readonly pollSeconds?: string
  readonly httpPort?: string
  readonly httpTokenFile?: string
}

/** Flags, then the environment, then defaults; throws an `Error` that says what to change. */
export function serveOptions(
  flags: ServeFlags,
  env: Readonly<Record<string, string | undefined>>,
): ServeOptions {
  const said = (flag: string | undefined, name: string): string | null =>
    flag ?? (env[name] === '' ? undefined : env[name]) ?? null
  const url = said(flags.gateUrl, 'LATCHGATE_URL')
  const isUnixUrl = url?.startsWith('unix://') === true
  const socket = said(flags.gateSocket, 'LATCHGATE_SOCKET')
  const named = isUnixUrl ? url.slice('unix://'.length) : null
  if (url !== null && socket !== null && named !== socket) {
    throw new Error(
      'both a socket (--gate-socket, LATCHGATE_SOCKET) and a URL (--gate-url, LATCHGATE_URL) of the ' +
        'gate are given: remove one of them',
    )
  }
  const identityTokenFile = said(flags.identityTokenFile, 'LATCHGATE_IDENTITY_TOKEN_FILE')
  const identityToken = said(undefined, 'LATCHGATE_IDENTITY_TOKEN')
  if (identityTokenFile !== null && identityToken !== null) {
    throw new Error(
      'both a file (--identity-token-file, LATCHGATE_IDENTITY_TOKEN_FILE) and a token ' +
        '(LATCHGATE_IDENTITY_TOKEN) are given: remove one of them',
    )
  }
  const level = said(flags.logLevel, 'RUST_LOG') ?? 'warn'
  if (!isLogLevel(level)) {
    if (flags.logLevel !== undefined) {
      throw new Error(`--log-level must be error, warn, info, debug or trace, got '${level}'`)
    }
  }
  return {
    socket: named ?? socket,
    gateUrl: isUnixUrl ? null : url,
    publicBaseUrl: said(flags.publicBaseUrl, 'LATCHGATE_PUBLIC_URL'),
    keyFile: said(flags.keyFile, 'LATCHGATE_KEY_FILE'),
    identityTokenFile,
    identityToken,
    agentId: label(said(flags.agentId, 'LATCHGATE_AGENT_ID') ?? 'latchgate-mcp'),
    sessionId: said(flags.sessionId, 'LATCHGATE_SESSION_ID') ?? randomUUID(),
    // RUST_LOG of other programs may be a filter that we do not know: no reason not to start.
    logLevel: isLogLevel(level) ? level : 'warn',
    gateTimeoutSeconds: whole(
      '--gate-timeout',
      said(flags.gateTimeout, 'LATCHGATE_GATE_TIMEOUT_SECONDS') ?? '45',
      1,
      3600,
    ),
    approvalWaitSeconds: whole(
      '--approval-wait',
      said(flags.approvalWait, 'LATCHGATE_APPROVAL_WAIT_SECONDS') ?? '45',
      0,
      3600,
    ),
    pollSeconds: whole(
      '--poll-seconds',
      said(flags.pollSeconds, 'LATCHGATE_POLL_SECONDS') ?? '30',
      1,
      3600,
    ),
    httpPort: flags.httpPort === undefined ? null : whole('--http-port', flags.httpPort, 0, 65_535),
    httpTokenFile: flags.httpTokenFile ?? null,
  }
}

// One that the gate would not record must not be dropped in silence.
function label(text: string): string {
  if (/^[\x21-\x7e]{1,64}$/.test(text)) return text
  throw new Error(`--agent-id must be 1 to 64 visible ASCII characters, got '${text}'`)
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) {
    throw new Error(`${name} must be a whole number from ${least} to ${most}, got '${text}'`)
  }
  return value
}
