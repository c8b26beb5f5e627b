import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { shellWord } from '@latchgate/protocol'
import { runActs, type Traces } from './acts.js'
import { type Cleanups, type Stage, setStage, TOKEN } from './stage.js'
import { Story } from './story.js'

/** `npm run demo`: the main job, as a story, against an upstream on this machine. */
async function main(argv: readonly string[]): Promise<number> {
  const keep = argv.includes('--keep')
  const unknown = argv.find((one) => one !== '--keep')
  if (unknown !== undefined) {
    process.stderr.write(`unknown option ${unknown}; there is --keep\n`)
    return 2
  }
  const cleanups: Cleanups = []
  const told = toldToEnd()
  const played = play(cleanups, keep)
  try {
    const code = await Promise.race([played, told])
    return code === 0 && keep ? await told.then(() => 0) : code
  } finally {
    await undo(cleanups)
    // Interrupted, the play fails on what has just been taken from it; that is no news. What it
    // had begun to set up must go all the same.
    await Promise.allSettled([played])
    await undo(cleanups)
  }
}

async function undo(cleanups: Cleanups): Promise<void> {
  for (let next = cleanups.pop(); next !== undefined; next = cleanups.pop()) await next()
}

async function play(cleanups: Cleanups, keep: boolean): Promise<number> {
  const story = new Story(process.stdout, process.env['NO_COLOR'] !== undefined)
  story.title('LatchGate: what an agent can do, and what can be shown afterwards')
  const stage = await setStage(cleanups)
  story.plain(
    'Started on this machine: a gate with its embedded defaults, and an HTTPS upstream that ' +
      'stands in for api.github.com. The agent is given the SDK and a Unix socket, and no keys.',
  )
  story.plain(
    `Agent and gate run as one user here (${stage.principal}), so they are not separated: such an ` +
      "agent could read the gate's files. In production the gate has a user of its own.",
  )
  const traces = await runActs(story, {
    directory: stage.directory,
    configFile: stage.configFile,
    socket: stage.socket,
    ledger: join(stage.directory, 'data', 'audit.db'),
    receiptKeys: join(stage.directory, 'keys', 'receipt-keys.jwks'),
    copy: tamperedCopy(stage),
    upstream: stage.upstream,
    token: TOKEN,
  })
  if (keep) goOnHere(story, stage, traces)
  else goOn(story)
  return 0
}

function goOn(story: Story): void {
  story.title('To go on')
  story.command('npm run demo -- --keep     the same, and the gate stays for you to try')
  story.command('node packages/cli/bin/latchgate.js up -d     a gate of your own: README.md')
}

function goOnHere(story: Story, stage: Stage, { receiptId }: Traces): void {
  const path = (from: string): string => fileURLToPath(new URL(from, import.meta.url))
  const latchgate = `node ${shellWord(path('../../../../cli/bin/latchgate.js'))} --config ${shellWord(stage.configFile)}`
  const sdk = path('../../../../sdk/dist/src/index.js')
  story.title('The gate is still running. In another terminal:')
  for (const command of [
    'status',
    'actions github_read',
    `receipts show ${receiptId}`,
    'verify',
    `verify --ledger ${shellWord(tamperedCopy(stage))}`,
  ]) {
    story.command(`${latchgate} ${command}`)
  }
  story.plain('An agent:')
  story.command(
    `node --input-type=module -e "import { LatchGateClient } from '${pathToFileURL(sdk).href}'; ` +
      `const agent = new LatchGateClient({ agentId: 'me', socket: '${stage.socket}' }); ` +
      `console.log(await agent.execute('github_read', { path: 'user' })); await agent.close()"`,
  )
  story.plain('Ctrl-C ends gate and upstream and removes their files.')
}

function tamperedCopy(stage: Stage): string {
  return join(stage.directory, 'tampered.db')
}

/**
 * Resolves to the exit code of the first signal; the second one does not wait for the clean-up. A
 * reader that has gone (`npm run demo | head`) is a signal too.
 */
function toldToEnd(): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      resolve(141)
    })
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.on(signal, () => {
        signals += 1
        if (signals > 1) process.exit(code)
        resolve(code)
      })
    }
  })
}

process.exitCode = await main(process.argv.slice(2))
