import { existsSync } from 'node:fs'
import { DPoPKeyPair, readPrivateFile } from '@latchgate/protocol/node'
import { checkedBaseUrl } from '../base-url.js'
import {
  defaultAdminSocket,
  findOperatorProject,
  type OperatorProject,
  type ProjectOperator,
} from './operator-project.js'

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
  readonly operator?: string
  readonly operatorKey?: string
  readonly operatorTokenFile?: string
  /** Refused. */
  readonly operatorToken?: string
  readonly publicBaseUrl?: string
  readonly gateName?: string
  readonly enableAllowlistTool?: boolean
}

/**
 * Flags, then the environment (spec/mcp-webhooks-sandbox 1.2), then the project of the working directory, as
 * for `latchgate`. The token comes from a file, the environment or that project, never from an argument:
 * these are in every list of processes. `LATCHGATE_OPERATOR_KEY` is a path for some programs and the
 * token for others (W-M14): what names a file is a path.
 */
export function operatorOptions(
  flags: OperatorFlags,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): OperatorOptions {
  const said = (name: string): string | undefined => env[name] || undefined
  refuseOldFlags(flags)
  const either = said('LATCHGATE_OPERATOR_KEY')
  const isPath = either !== undefined && existsSync(either)
  const keyFile =
    flags.operatorKey ?? said('LATCHGATE_OPERATOR_PRIVATE_KEY') ?? (isPath ? either : undefined)
  const token =
    tokenIn(flags.operatorTokenFile ?? said('LATCHGATE_OPERATOR_TOKEN_FILE')) ??
    said('LATCHGATE_OPERATOR_TOKEN') ??
    (isPath ? undefined : either)
  const adminSocket = flags.adminSocket ?? said('LATCHGATE_ADMIN_SOCKET')
  const gateName = flags.gateName ?? said('LATCHGATE_GATE_NAME')
  const publicBaseUrl = base(
    flags.publicBaseUrl ?? said('LATCHGATE_PUBLIC_URL') ?? 'http://localhost',
  )
  const isWhole = adminSocket !== undefined && keyFile !== undefined && token !== undefined
  const project = isWhole ? null : findOperatorProject({ env, cwd })
  const who = { keyFile, token, name: flags.operator ?? said('LATCHGATE_OPERATOR') }
  return {
    adminSocket: adminSocket ?? project?.adminSocket ?? defaultAdminSocket({ env, cwd }),
    publicBaseUrl,
    ...credentialOf(who, project),
    gateName: gateName ?? project?.gateName ?? null,
  }
}

function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  const token = readPrivateFile('the token file', file).trim()
  if (token !== '') return token
  throw new Error(`the token file ${file} is empty: put the operator's api_key there`)
}

function credentialOf(
  given: {
    readonly keyFile: string | undefined
    readonly token: string | undefined
    readonly name: string | undefined
  },
  project: OperatorProject | null,
): Pick<OperatorOptions, 'key' | 'token'> {
  const { keyFile, token } = given
  if (keyFile !== undefined && token !== undefined) {
    return { key: readKey(keyFile), token: checkedToken(token) }
  }
  if (project === null) {
    const what =
      keyFile === undefined
        ? "the operator's private key is missing: give --operator-key or LATCHGATE_OPERATOR_PRIVATE_KEY"
        : "the operator's api_key is missing: give --operator-token-file or LATCHGATE_OPERATOR_TOKEN"
    throw new Error(`${what}, or run this in the directory where the gate is configured`)
  }
  const key = keyFile === undefined ? null : readKey(keyFile)
  const operator = chosen(project, given.name, token, key)
  return {
    key: key ?? readKey(operator.keyFile),
    token: checkedToken(token ?? operator.apiKey),
  }
}

// Each thing that was given narrows down who it is.
function chosen(
  { file, operators }: OperatorProject,
  name: string | undefined,
  token: string | undefined,
  key: DPoPKeyPair | null,
): ProjectOperator {
  const fitting = operators.filter(
    (one) =>
      (name === undefined || one.name === name) &&
      (token === undefined || one.apiKey === token) &&
      (key === null ? existsSync(one.keyFile) : one.jkt === null || one.jkt === key.thumbprint),
  )
  const [only, another] = fitting
  if (only !== undefined && another === undefined) return only
  const names = (only === undefined ? operators : fitting).map((one) => one.name).join(', ')
  const hint = `give --operator NAME, --operator-key and --operator-token-file (${file})`
  if (only !== undefined)
    throw new Error(`it could be one of several operators (${names}): ${hint}`)
  const there = operators.length === 0 ? 'it has no operators' : `it has ${names}`
  throw new Error(
    `no operator of the configuration fits what was given and has a key here (${there}): ${hint}`,
  )
}

// Entries that an earlier version has written may have them.
function refuseOldFlags({ operatorToken, enableAllowlistTool }: OperatorFlags): void {
  if (operatorToken !== undefined) {
    throw new Error(
      '--operator-token is not taken: every user can read command lines; give the token with ' +
        '--operator-token-file or LATCHGATE_OPERATOR_TOKEN, and replace this one',
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
  throw new Error("the operator's token holds characters that no api_key has (not shown here)")
}

function base(value: string): string {
  return checkedBaseUrl('--public-base-url', value)
}
