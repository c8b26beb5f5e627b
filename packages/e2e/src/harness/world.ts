import type { GateOptions } from '@latchgate/gate'
import { createTestCa, startUpstream, type TestCa, type Upstream } from '@latchgate/testkit'
import { createTestProject, type ProjectSettings, startTestGate, type TestGate } from './gate.js'
import { RawClient } from './raw-client.js'

/** A gate, an upstream that it takes for the real APIs, and a client on the gate's socket. */
export interface World {
  readonly gate: TestGate
  readonly upstream: Upstream
  readonly client: RawClient
  /** On the admin socket. */
  readonly admin: RawClient
  /** The gate's clock where it is not the system's: proofs are made by it. */
  readonly now?: () => number
  close(): Promise<void>
}

/** Names that the upstream answers for. */
export const UPSTREAM_HOSTS: readonly string[] = [
  'api.github.com',
  'hooks.slack.com',
  'en.wikipedia.org',
  'httpbin.org',
  'api.example.com',
  'example.com',
]

/** A name that the upstream answers for as well, and that the gate has to resolve. */
export const RESOLVED_HOST = 'rebind.example'

/**
 * Starts a world; close it at the end of the test.
 *
 * @param authority signs the upstream's certificate and is the one that the gate trusts
 */
export async function startWorld(
  settings: ProjectSettings = {},
  options: Partial<Omit<GateOptions, 'loaded' | 'log'>> = {},
  authority?: TestCa,
): Promise<World> {
  const ca = authority ?? (await createTestCa())
  const upstream = await startUpstream({ ca, hosts: [...UPSTREAM_HOSTS, RESOLVED_HOST] })
  const resolve = Object.fromEntries(
    UPSTREAM_HOSTS.map((host) => [`${host}:443`, upstream.address]),
  )
  const project = await createTestProject({
    ...settings,
    caPem: ca.caPem,
    resolve: { ...resolve, ...settings.resolve },
  })
  const gate = await startTestGate(project, options)
  const client = new RawClient({ socket: project.socket })
  const admin = new RawClient({ socket: project.adminSocket })
  return {
    gate,
    upstream,
    client,
    admin,
    ...(options.now === undefined ? {} : { now: options.now }),
    close: async () => {
      await client.close()
      await admin.close()
      await gate.close()
      await upstream.close()
      project.remove()
    },
  }
}
