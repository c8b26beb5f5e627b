import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createProject } from '@latchgate/cli'
import { createLogger, loadConfig, type RunningGate, startGate } from '@latchgate/gate'
import { createTestCa, startUpstream, type Upstream } from '@latchgate/testkit'
import { runActs } from './acts.js'
import { Story } from './story.js'

/** The token that the gate holds and the agent never sees. */
const TOKEN = `ghp_demo_${'4f1c9a7e2b'.repeat(3)}`

interface Stage {
  readonly root: string
  readonly configFile: string
  readonly upstream: Upstream
  readonly gate: RunningGate
}

/** `npm run demo`: the main job, as a story, against an upstream on this machine. */
async function main(argv: readonly string[]): Promise<number> {
  const keep = argv.includes('--keep')
  const unknown = argv.find((one) => one !== '--keep')
  if (unknown !== undefined) {
    process.stderr.write(`unknown option ${unknown}; there is --keep\n`)
    return 2
  }
  const story = new Story(process.stdout, process.env['NO_COLOR'] !== undefined)
  story.title('LatchGate: one governed call, end to end')
  const stage = await setStage()
  try {
    story.plain('A gate with the built-in defaults, and an HTTPS upstream that stands in for')
    story.plain('api.github.com, both on this machine. The agent has the SDK and a Unix socket.')
    await runActs(story, {
      socket: stage.gate.addresses.clientSocket,
      ledger: join(stage.root, '.latchgate', 'data', 'audit.db'),
      scratch: stage.root,
      upstream: stage.upstream,
      token: TOKEN,
    })
    if (keep) await keepRunning(story, stage)
    story.title('That is the whole product in one call. Next: README.md, docs/architecture.md')
    return 0
  } finally {
    await stage.gate.close()
    await stage.upstream.close()
    rmSync(stage.root, { recursive: true, force: true })
  }
}

async function setStage(): Promise<Stage> {
  const root = mkdtempSync(join(tmpdir(), 'lgdemo-'))
  chmodSync(root, 0o700)
  const ca = await createTestCa()
  const upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  const { configFile, directory } = await createProject(root)
  mkdirSync(join(directory, 's'), { mode: 0o700 })
  writeFileSync(join(directory, 'ca.pem'), ca.caPem, { mode: 0o600 })
  const text = readFileSync(configFile, 'utf8')
  const sockets = 'listen_uds_path = "s/gate.sock"\nlisten_admin_uds_path = "s/admin.sock"\n'
  const egress =
    'egress_insecure = true\n\n[egress]\nextra_ca_file = "ca.pem"\n\n' +
    `[egress.unsafe_resolve]\n"api.github.com:443" = "${upstream.address}"\n`
  writeFileSync(configFile, `${sockets}${text}${egress}`, { mode: 0o600 })
  const loaded = loadConfig(configFile, { env: {}, cwd: root })
  const quiet = { write: () => true } as unknown as NodeJS.WritableStream
  const gate = await startGate({
    loaded,
    env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN },
    log: createLogger({ log_level: 'error', log_format: 'json' }, quiet),
  })
  return { root, configFile, upstream, gate }
}

async function keepRunning(story: Story, stage: Stage): Promise<void> {
  const bin = fileURLToPath(new URL('../../../../cli/bin/latchgate.js', import.meta.url))
  const latchgate = `node ${bin} --config ${stage.configFile}`
  story.title('The gate is still running. In another terminal:')
  for (const command of ['status', 'actions', 'actions github_read', 'verify']) {
    story.plain(`${latchgate} ${command}`)
  }
  story.plain('')
  story.plain(
    `An agent connects with  new LatchGateClient({ socket: '${stage.gate.addresses.clientSocket}' })`,
  )
  story.plain('Ctrl-C ends both and removes their files.')
  await new Promise<void>((resolve) => {
    // A pending promise alone does not keep the process alive; the listeners do.
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}

process.exitCode = await main(process.argv.slice(2))
