import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createProject } from '@latchgate/cli'
import { createLogger, loadConfig, startGate } from '@latchgate/gate'
import { createTestCa, startUpstream, tempDir, type Upstream } from '@latchgate/testkit'

/** The token that the gate holds and the agent never sees. */
export const TOKEN: string = 'ghp_demo_4f1c9a7e2b06d3'

/** A gate and its upstream, in a directory of their own. */
export interface Stage {
  readonly directory: string
  readonly configFile: string
  readonly socket: string
  readonly upstream: Upstream
  readonly principal: string
}

/** What has to be undone, last first. */
export type Cleanups = (() => Promise<void> | void)[]

/** Sets everything up as `latchgate up` would, with an upstream on this machine beside it. */
export async function setStage(cleanups: Cleanups): Promise<Stage> {
  const root = tempDir()
  cleanups.push(() => root.remove())
  const ca = await createTestCa()
  const upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  cleanups.push(() => upstream.close())
  const { configFile, directory, principal } = await createProject(root.path)
  mkdirSync(join(directory, 's'), { mode: 0o700 })
  writeFileSync(join(directory, 'ca.pem'), ca.caPem, { mode: 0o600 })
  const text = readFileSync(configFile, 'utf8')
  const sockets = 'listen_uds_path = "s/gate.sock"\nlisten_admin_uds_path = "s/admin.sock"\n'
  const egress =
    'egress_insecure = true\n\n[egress]\nextra_ca_file = "ca.pem"\n\n' +
    `[egress.unsafe_resolve]\n"api.github.com:443" = "${upstream.address}"\n`
  writeFileSync(configFile, `${sockets}${text}${egress}`, { mode: 0o600 })
  const loaded = loadConfig(configFile, { env: {}, cwd: root.path })
  const gate = await startGate({
    loaded,
    env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN },
    log: createLogger({ log_level: 'error', log_format: 'auto' }),
  })
  cleanups.push(() => gate.close())
  return { directory, configFile, socket: gate.addresses.clientSocket, upstream, principal }
}
