import { readPrivateFile } from '@latchgate/protocol/node'

const VARIABLE = 'LATCHGATE_MCP_TOKEN'
const LEAST_LENGTH = 32

/**
 * The bearer token of the HTTP transport, from a file or from `LATCHGATE_MCP_TOKEN`; throws an
 * `Error` that never holds it. There is no flag for it: other users can read command lines.
 */
export function httpToken(
  file: string | null,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const text = file === null ? (env[VARIABLE] ?? '') : readPrivateFile('the token file', file)
  const token = text.trim()
  if (token === '') {
    throw new Error(
      `HTTP needs a bearer token: set ${VARIABLE} or --http-token-file, made for example with ` +
        '`openssl rand -hex 32`',
    )
  }
  if (token.length < LEAST_LENGTH || !/^[A-Za-z0-9._~+/=-]+$/.test(token)) {
    throw new Error(
      `the bearer token must have at least ${LEAST_LENGTH} characters of A-Z a-z 0-9 . _ ~ + / = -`,
    )
  }
  return token
}
