import { createTestCa, startUpstream, type Upstream } from '@latchgate/testkit'
import { NO_RATES } from './approval-world.js'
import { asOperator } from './approvals.js'
import { freePort } from './free-port.js'
import {
  ALL_ACTIONS,
  ALL_SINKS,
  createTestProject,
  type ProjectSettings,
  startTestGate,
  type TestGate,
  type TestProject,
} from './gate.js'
import { PUBLIC_BASE, RawClient } from './raw-client.js'
import { type SpawnedGate, spawnGate } from './spawned-gate.js'
import { UPSTREAM_HOSTS } from './world.js'

/** What a test in another language wants of its gate; JSON, every member optional. */
export interface DriverOptions extends ProjectSettings {
  /** Listens on TCP as well, with identity `none`: every agent is `dev:anonymous`. */
  readonly tcp?: boolean
  /** Environment of the gate, for example `LATCHGATE_SECRET_…`. */
  readonly env?: Readonly<Record<string, string>>
  /** Seconds that the gate's clock is ahead of this machine's; negative: behind. */
  readonly clockOffset?: number
  /** The gate has a process of its own, which can be stopped and killed, and this machine's clock. */
  readonly spawned?: boolean
}

/** Where the gate is: the first line that the driver prints. */
export interface DriverGreeting {
  readonly root: string
  readonly socket: string
  readonly admin_socket: string
  /** The TCP listener's base URL, null without one. */
  readonly url: string | null
  readonly public_base_url: string
  readonly principal: string
  readonly gate_pid: number
}

/** A command: `command` names it, the rest is its arguments. */
export type DriverCommand = Readonly<Record<string, unknown>>

/** A gate and a recording upstream that a test in another language leads. */
export interface GateDriver {
  readonly greeting: DriverGreeting
  /** Runs one command; throws an `Error` that says what is wrong with it. */
  run(command: DriverCommand): Promise<unknown>
  close(): Promise<void>
}

/** Starts the upstream and the gate of a new project. Close it: what it made goes with it. */
export async function startGateDriver(options: DriverOptions = {}): Promise<GateDriver> {
  const ca = await createTestCa()
  const upstream = await startUpstream({ ca, hosts: [...UPSTREAM_HOSTS] })
  // Proofs name what agents are told: the gate has to know its own port before it listens.
  const url = options.tcp === true ? `http://127.0.0.1:${await freePort()}` : null
  const project = await createTestProject({
    ...settingsOf(options, url),
    caPem: ca.caPem,
    resolve: Object.fromEntries(UPSTREAM_HOSTS.map((host) => [`${host}:443`, upstream.address])),
  })
  const base = url ?? PUBLIC_BASE
  const running = new Running(project, upstream, { ...options, base })
  await running.start()
  return {
    greeting: {
      root: project.root,
      socket: project.socket,
      admin_socket: project.adminSocket,
      url,
      public_base_url: base,
      principal: principalOf(options),
      gate_pid: process.pid,
    },
    run: (command) => running.run(command),
    close: async () => {
      await running.stop()
      await upstream.close()
      project.remove()
    },
  }
}

function principalOf(options: DriverOptions): string {
  return options.tcp === true ? 'dev:anonymous' : (options.principal ?? 'agent-test')
}

function settingsOf(options: DriverOptions, url: string | null): ProjectSettings {
  const tcp = [
    `listen_http_addr = "${url?.slice('http://'.length)}"`,
    `public_base_url = "${url}"`,
    'unsafe_expose_http = true',
  ]
  const { keys = '', tables = '' } = options
  const rights = { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS }
  return {
    data: { policy_version: 'test-1', acl: { [principalOf(options)]: rights } },
    ...options,
    ...(url === null ? {} : { identity: 'none' as const }),
    keys: [keys, ...(url === null ? [] : tcp)].join('\n'),
    tables: tables.includes('[rate_limits]') ? tables : `${NO_RATES}\n${tables}`,
  }
}

type RunningOptions = Pick<DriverOptions, 'env' | 'clockOffset' | 'spawned'> & {
  readonly base: string
}

const SIGNALS = ['SIGKILL', 'SIGSTOP', 'SIGCONT'] as const

/** One gate after the other on the same project. */
class Running {
  readonly #project: TestProject
  readonly #upstream: Upstream
  readonly #options: RunningOptions
  #gate: TestGate | null = null
  #spawned: SpawnedGate | null = null
  #admin: RawClient | null = null
  #clockOffset: number

  constructor(project: TestProject, upstream: Upstream, options: RunningOptions) {
    this.#project = project
    this.#upstream = upstream
    this.#options = options
    this.#clockOffset = options.clockOffset ?? 0
  }

  async start(): Promise<void> {
    const { env = {}, spawned = false } = this.#options
    if (spawned) this.#spawned = await spawnGate(this.#project, { env })
    else this.#gate = await startTestGate(this.#project, { env, now: this.#now })
    this.#admin = new RawClient({ socket: this.#project.adminSocket })
  }

  async stop(): Promise<void> {
    // A gate that was stopped would hold up whoever waits for an answer of it.
    this.#spawned?.child.kill('SIGCONT')
    await this.#admin?.close()
    await this.#gate?.close(0)
    await this.#spawned?.stop()
    this.#admin = null
    this.#gate = null
    this.#spawned = null
  }

  async run(command: DriverCommand): Promise<unknown> {
    switch (command['command']) {
      case 'approve':
        return this.#decide(command, 'approve')
      case 'deny':
        return this.#decide(command, 'deny')
      case 'operator':
        return this.#operator(text(command, 'method'), text(command, 'path'), command['body'])
      case 'restart':
        await this.stop()
        await this.start()
        return null
      case 'stop_gate':
        return this.stop()
      case 'start_gate':
        return this.start()
      case 'signal':
        return this.#signal(text(command, 'signal'))
      case 'clock':
        return this.#setClock(command['offset'])
      case 'answer':
        return this.#answer(command)
      case 'upstream':
        return this.#requests()
      case 'logs':
        return this.#gate?.logs ?? []
      default:
        throw new Error(`no command ${JSON.stringify(command['command'])}`)
    }
  }

  readonly #now = (): number => Date.now() + this.#clockOffset * 1000

  #setClock(offset: unknown): null {
    if (typeof offset !== 'number' || this.#gate === null) {
      throw new Error(`clock needs an offset in seconds and a gate in this process`)
    }
    this.#clockOffset = offset
    return null
  }

  async #signal(name: string): Promise<null> {
    const signal = SIGNALS.find((one) => one === name)
    if (signal === undefined || this.#spawned === null) {
      throw new Error(`signal needs a spawned gate and one of ${SIGNALS.join(', ')}, not ${name}`)
    }
    this.#spawned.child.kill(signal)
    if (signal !== 'SIGKILL') return null
    await this.#spawned.ended
    await this.stop()
    return null
  }

  #decide(command: DriverCommand, decision: 'approve' | 'deny'): Promise<unknown> {
    const id = encodeURIComponent(text(command, 'approval_id'))
    return this.#operator('POST', `/v1/approvals/${id}/${decision}`, command['body'])
  }

  async #operator(method: string, path: string, body: unknown): Promise<unknown> {
    if (this.#admin === null) throw new Error('the gate is stopped: start_gate first')
    const desk = { admin: this.#admin, gate: { project: this.#project } }
    const { base } = this.#options
    const answer = await asOperator({ ...desk, now: this.#now }, method, path, { body, base })
    return { status: answer.status, body: answer.text === '' ? null : answer.json() }
  }

  #answer(command: DriverCommand): null {
    const { status, headers, body } = command
    this.#upstream.on(text(command, 'method'), text(command, 'path'), () => ({
      ...(typeof status === 'number' ? { status } : {}),
      ...(headers === undefined ? {} : { headers: headers as Readonly<Record<string, string>> }),
      ...(body === undefined ? {} : { body: body as string | object }),
    }))
    return null
  }

  #requests(): unknown {
    return this.#upstream.requests.map(({ method, url, headers, body, tlsServername }) => ({
      method,
      url,
      host: tlsServername,
      headers,
      body: body.toString('utf8'),
    }))
  }
}

function text(command: DriverCommand, name: string): string {
  const value = command[name]
  if (typeof value === 'string') return value
  throw new Error(`the command needs ${name}, a text, not ${JSON.stringify(value)}`)
}
