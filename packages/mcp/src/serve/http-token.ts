import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

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
  const token = (file === null ? (env[VARIABLE] ?? '') : readPrivate(file)).trim()
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

// The file that was looked at is the one that is read: both by one descriptor.
function readPrivate(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const { mode } = fstatSync(descriptor)
    if ((mode & 0o077) !== 0) {
      throw new Error(`others can read the token in ${file}: chmod 600 ${file}`)
    }
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}
