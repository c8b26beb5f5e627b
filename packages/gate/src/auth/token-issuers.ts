import { readFileSync } from 'node:fs'
import { digestBytes } from '@latchgate/protocol/node'
import type { Logger } from 'pino'
import { StartupError } from '../config/posture.js'
import type { GateConfig, JwtIssuer } from '../config/schema.js'
import { FileKeys, type IssuerKeys } from './issuer-keys.js'
import type { JwksClient } from './jwks-client.js'
import { JwksFault, parseJwks } from './jwks-document.js'
import { RemoteKeys } from './remote-keys.js'

/** An issuer whose tokens are accepted, with its keys: one table of `[[identity.jwt]]`. */
export interface TokenIssuer {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  readonly principalClaim: string
  readonly scopes: readonly string[]
  readonly owner: string | null
  readonly keys: IssuerKeys
  /** Where the keys are from, for the record: the digest of the file, or the URL. */
  readonly keySource: string
}

interface Parts {
  readonly client: JwksClient
  /** Unix milliseconds. */
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

/** The issuers in force (design 10). */
export class TokenIssuers {
  readonly #parts: Parts
  #issuers: readonly TokenIssuer[] = []
  #remote = new Map<string, RemoteKeys>()

  constructor(tables: GateConfig['identity']['jwt'], parts: Parts) {
    this.#parts = parts
    this.activate(this.build(tables))
  }

  /** Entries with exactly this issuer; each has another audience. */
  of(issuer: string): readonly TokenIssuer[] {
    return this.#issuers.filter((one) => one.issuer === issuer)
  }

  /** The entry that a lease names, if there still is one. */
  find(issuer: string, audience: string): TokenIssuer | undefined {
    return this.of(issuer).find((one) => one.audience === audience)
  }

  /** Whether tokens are of any use here. */
  get isEmpty(): boolean {
    return this.#issuers.length === 0
  }

  /** Reads the key files of these tables, not yet in force. Throws `StartupError` for one of no use. */
  build(tables: GateConfig['identity']['jwt']): readonly TokenIssuer[] {
    return tables.map((table, at) => ({
      issuer: table.issuer,
      audience: table.audience,
      algorithms: table.algorithms,
      principalClaim: table.principal_claim,
      scopes: table.scopes,
      owner: table.owner ?? null,
      ...this.#keysOf(table, at),
    }))
  }

  /** Puts these into force: leases of issuers that are not among them stop at their next request. */
  activate(issuers: readonly TokenIssuer[]): void {
    this.#issuers = issuers
    // What was fetched, and when it may be asked for again, outlives a reload.
    this.#remote = new Map(
      issuers.flatMap(({ keys, keySource }) =>
        keys instanceof RemoteKeys ? [[keySource, keys] as const] : [],
      ),
    )
  }

  close(): Promise<void> {
    return this.#parts.client.close()
  }

  #keysOf(
    { jwks_file: file, jwks_url: url }: JwtIssuer,
    at: number,
  ): Pick<TokenIssuer, 'keys' | 'keySource'> {
    if (file !== undefined) return readIssuerKeys(file, at)
    if (url === undefined) throw new TypeError(`identity.jwt.${at} has no keys`)
    const { client, now, log } = this.#parts
    const known = this.#remote.get(url)
    const keys = known ?? new RemoteKeys({ url, get: (from) => client.get(from), now, log })
    // Two tables with one URL share what was fetched.
    this.#remote.set(url, keys)
    return { keys, keySource: url }
  }
}

const REMEDY = 'put the public keys that the issuer publishes there, a JWK Set'

/**
 * Reads the key file of the table with this number. Throws `StartupError` for one that cannot be read or
 * used.
 */
export function readIssuerKeys(file: string, at: number): Pick<TokenIssuer, 'keys' | 'keySource'> {
  const bytes = readKeyFile(file, at)
  return { keys: keysIn(bytes, file, at), keySource: digestBytes(bytes) }
}

function readKeyFile(file: string, at: number): Uint8Array {
  try {
    return readFileSync(file)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw unusable(at, `cannot read ${file} (${why}): ${REMEDY}`, cause)
  }
}

function keysIn(bytes: Uint8Array, file: string, at: number): IssuerKeys {
  try {
    return new FileKeys(parseJwks(bytes))
  } catch (cause) {
    if (!(cause instanceof JwksFault)) throw cause
    throw unusable(at, `${file} cannot be used (${cause.message}): ${REMEDY}`, cause)
  }
}

function unusable(at: number, what: string, cause: unknown): StartupError {
  const message = `\`identity.jwt.${at}.jwks_file\`: ${what}`
  return new StartupError('config_validation_failed', message, { cause })
}
