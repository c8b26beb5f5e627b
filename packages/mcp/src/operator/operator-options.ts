import { existsSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { checkedBaseUrl } from '../base-url.js'
import { readPrivateFile } from '../private-file.js'

/** How `latchgate-mcp operator` reaches the gate, and as whom. */
export interface OperatorOptions {
  readonly adminSocket: string
  /** Base of the proofs' `htu`. */
  readonly publicBaseUrl: string
  readonly key: DPoPKeyPair
  /** The operator's `api_key`; never in a message, a log or an answer. */
  readonly token: string
  /** The gate's `gate_name`: nothing is signed for another log. Null: that of the gate at the socket. */
  readonly gateName: string | null
}

/** What the command line said. */
export interface OperatorFlags {
  readonly adminSocket?: string
  readonly operatorKey?: string
  readonly operatorToken?: string
  readonly publicBaseUrl?: string
  readonly gateName?: string
  readonly enableAllowlistTool?: boolean
}

/**
 * Flags, then the environment (spec/mcp-webhooks-sandbox 1.2). The token comes from the environment
 * alone: arguments are in every list of processes. `LATCHGATE_OPERATOR_KEY` is a path for some
 * programs and the token for others (W-M14): what names a file is a path.
 */
export function operatorOptions(
  flags: OperatorFlags,
  env: Readonly<Record<string, string | undefined>>,
): OperatorOptions {
  const said = (name: string): string | undefined => env[name] || undefined
  refuseOldFlags(flags)
  const either = said('LATCHGATE_OPERATOR_KEY')
  const isPath = either !== undefined && existsSync(either)
  const keyFile =
    flags.operatorKey ?? said('LATCHGATE_OPERATOR_PRIVATE_KEY') ?? (isPath ? either : undefined)
  const token = said('LATCHGATE_OPERATOR_TOKEN') ?? (isPath ? undefined : either)
  const adminSocket = flags.adminSocket ?? said('LATCHGATE_ADMIN_SOCKET')
  if (adminSocket === undefined) {
    throw new Error(
      'the admin socket is missing: give --admin-socket or LATCHGATE_ADMIN_SOCKET; ' +
        "'latchgate status' shows it",
    )
  }
  if (keyFile === undefined) {
    throw new Error(
      "the operator's private key is missing: give --operator-key or LATCHGATE_OPERATOR_PRIVATE_KEY",
    )
  }
  if (token === undefined) {
    throw new Error("the operator's api_key is missing: give it in LATCHGATE_OPERATOR_TOKEN")
  }
  return {
    adminSocket,
    publicBaseUrl: base(flags.publicBaseUrl ?? said('LATCHGATE_PUBLIC_URL') ?? 'http://localhost'),
    key: readKey(keyFile),
    token: checkedToken(token),
    gateName: flags.gateName ?? said('LATCHGATE_GATE_NAME') ?? null,
  }
}

// Entries that an earlier version has written may have them.
function refuseOldFlags({ operatorToken, enableAllowlistTool }: OperatorFlags): void {
  if (operatorToken !== undefined) {
    throw new Error(
      '--operator-token is not taken: every user can read command lines; give the token in ' +
        'LATCHGATE_OPERATOR_TOKEN, and replace this one',
    )
  }
  if (enableAllowlistTool === true) {
    throw new Error(
      '--enable-allowlist-tool is not taken: no model widens the policy; a person does with ' +
        "'latchgate policy grant'",
    )
  }
}

// As ssh does: a key that others can read is no key of this operator alone.
function readKey(file: string): DPoPKeyPair {
  const pem = readPrivateFile('the operator key', file)
  try {
    return DPoPKeyPair.fromPem(pem)
  } catch (cause) {
    throw new Error(`${file} does not hold a P-256 private key in PEM without a pass phrase`, {
      cause,
    })
  }
}

// A transport's complaint about a header would quote it.
function checkedToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new Error('LATCHGATE_OPERATOR_TOKEN holds characters that no api_key has (not shown here)')
}

function base(value: string): string {
  return checkedBaseUrl('--public-base-url', value)
}
