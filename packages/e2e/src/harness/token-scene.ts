import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GateOptions } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import {
  ALL_ACTIONS,
  ALL_SINKS,
  createTestProject,
  startTestGate,
  type TestGate,
  type TestProject,
} from './gate.js'
import { operatorHeaders } from './operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  PUBLIC_BASE,
  type RawAnswer,
  RawClient,
  secondsOf,
} from './raw-client.js'
import { TokenIssuer } from './token-issuer.js'

/** Path of leases. */
export const LEASES = '/v1/leases'

/** Where a scene keeps its issuer's keys. */
export const KEY_FILE = 'issuer.jwks'

const TCP = 'listen_http_addr = "127.0.0.1:0"\nunsafe_expose_http = true'
const RATES = '[rate_limits]\nlease_rps = 1000\nexecute_rps_anonymous = 1000'
const grant = { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS }
const DATA = {
  policy_version: 'test-1',
  acl: { 'agent-test': grant, 'agent-7': grant, 'agent-8': grant },
}

/** What a test wants different from one issuer with its keys in a file. */
export interface TokenSettings {
  /** All tables, in place of the issuer's. */
  readonly tables?: (issuer: TokenIssuer) => string
  /** Further lines of the issuer's table. */
  readonly more?: string
  readonly caPem?: string
  /** In place of generous ones. */
  readonly rates?: string
  readonly keys?: string
  readonly now?: () => number
  readonly options?: Partial<Omit<GateOptions, 'loaded' | 'log'>>
}

/** Headers of one request for a lease. */
export type LeaseHeaders = Readonly<Record<string, string>>

/** A gate with an issuer, and clients on both its transports. */
export class TokenScene {
  readonly issuer: TokenIssuer
  readonly project: TestProject
  readonly now: (() => number) | undefined
  readonly #options: TokenSettings['options']
  #gate: TestGate | undefined
  #clients: Readonly<Record<'unix' | 'tcp' | 'admin', RawClient>> | undefined

  private constructor(issuer: TokenIssuer, project: TestProject, settings: TokenSettings) {
    this.issuer = issuer
    this.project = project
    this.now = settings.now
    this.#options = settings.options
  }

  static async start(settings: TokenSettings = {}): Promise<TokenScene> {
    const issuer = new TokenIssuer(settings.now)
    const table =
      settings.tables?.(issuer) ?? issuer.table(`jwks_file = "${KEY_FILE}"`, settings.more)
    const project = await createTestProject({
      keys: `${TCP}\n${settings.keys ?? ''}`,
      tables: `${settings.rates ?? RATES}\n${table}`,
      data: DATA,
      ...(settings.caPem === undefined ? {} : { caPem: settings.caPem }),
    })
    const scene = new TokenScene(issuer, project, settings)
    scene.publish()
    await scene.run()
    return scene
  }

  get gate(): TestGate {
    if (this.#gate === undefined) throw new Error('the gate does not run')
    return this.#gate
  }

  client(transport: 'unix' | 'tcp' | 'admin'): RawClient {
    if (this.#clients === undefined) throw new Error('the gate does not run')
    return this.#clients[transport]
  }

  /** Writes what the issuer publishes now into the key file. */
  publish(): void {
    const text = JSON.stringify(this.issuer.jwks())
    writeFileSync(join(this.project.root, KEY_FILE), text, { mode: 0o600 })
  }

  async run(): Promise<void> {
    this.#gate = await startTestGate(this.project, {
      ...this.#options,
      ...(this.now === undefined ? {} : { now: this.now }),
    })
    this.#clients = {
      unix: new RawClient({ socket: this.project.socket }),
      tcp: new RawClient({ base: this.#gate.addresses.http ?? '' }),
      admin: new RawClient({ socket: this.project.adminSocket }),
    }
  }

  /** Ends the gate; its project stays. */
  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#clients ?? {}).map((client) => client.close()))
    await this.#gate?.close()
    this.#clients = undefined
    this.#gate = undefined
  }

  async close(): Promise<void> {
    await this.stop()
    this.project.remove()
  }

  /** A proof by this key for a request for a lease. */
  proof(key: DPoPKeyPair, accessToken?: string): string {
    return key.signProof({
      method: 'POST',
      url: `${PUBLIC_BASE}${LEASES}`,
      ...secondsOf(this.now),
      ...(accessToken === undefined ? {} : { accessToken }),
    })
  }

  ask(
    key: DPoPKeyPair,
    headers: LeaseHeaders,
    transport: 'unix' | 'tcp' = 'tcp',
    body: object = {},
  ): Promise<RawAnswer> {
    return this.client(transport).send({
      method: 'POST',
      path: LEASES,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk, ...body }),
    })
  }

  /** A request for a lease with this token alone, as published SDKs can make it. */
  async present(token: string, transport: 'unix' | 'tcp' = 'tcp'): Promise<RawAnswer> {
    const key = await DPoPKeyPair.generate()
    return this.ask(key, { authorization: `Bearer ${token}` }, transport)
  }

  /** Opens a session with a token. */
  async open(token: string = this.issuer.token(), key?: DPoPKeyPair): Promise<HeldLease> {
    const holder = key ?? (await DPoPKeyPair.generate())
    return held(await this.ask(holder, { authorization: `Bearer ${token}` }), holder)
  }

  renew(lease: HeldLease, token?: string, transport: 'unix' | 'tcp' = 'tcp'): Promise<RawAnswer> {
    const proven = credentials(lease, 'POST', LEASES, secondsOf(this.now))
    const fresh = token === undefined ? {} : { 'x-latchgate-identity-token': token }
    return this.ask(lease.key, { ...proven, ...fresh }, transport)
  }

  /** A call that policy denies by its address: whoever gets that far was accepted. */
  call(lease: HeldLease, transport: 'unix' | 'tcp' = 'tcp'): Promise<RawAnswer> {
    const params = { url: 'http://10.0.0.1/' }
    return executeRaw(this.client(transport), lease, 'http_fetch', params, secondsOf(this.now))
  }

  reload(): Promise<RawAnswer> {
    const path = '/v1/admin/reload'
    const now = this.now === undefined ? {} : { now: this.now }
    const headers = operatorHeaders(this.project, 'POST', path, undefined, now)
    return this.client('admin').send({ method: 'POST', path, headers })
  }
}

/** The lease of an answer; throws for a refusal. */
export function held(answer: RawAnswer, key: DPoPKeyPair): HeldLease {
  if (answer.status !== 200) throw new Error(`no lease: ${answer.status} ${answer.text}`)
  const { lease_jwt, session_id } = answer.json()
  return { jwt: String(lease_jwt), key, sessionId: String(session_id) }
}
