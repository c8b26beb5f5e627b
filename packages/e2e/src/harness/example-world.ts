import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GateOptions } from '@latchgate/gate'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { NO_RATES } from './approval-world.js'
import type { ProjectSettings } from './gate.js'
import { startWorld, type World } from './world.js'

/** The repository, with a slash at the end. */
export const ROOT: string = fileURLToPath(new URL('../../../../../', import.meta.url))

const LATCHGATE = `${ROOT}packages/cli/bin/latchgate.js`

/** Actions and sinks that the first `latchgate up` lets its own user have (preset `quickstart`). */
const QUICKSTART = {
  allowed_actions: [
    'github_comment_issue',
    'github_create_issue',
    'github_read',
    'github_search',
    'http_fetch',
    'http_post',
    'slack_post',
    'wikipedia_read',
  ],
  allowed_sinks: ['http_read', 'http_write'],
}

/** How a program ended, and all that it wrote. */
export interface ProgramEnd {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A program that runs. */
export interface Program {
  readonly child: ChildProcess
  readonly done: Promise<ProgramEnd>
  /** Resolves to the match once standard output holds it; rejects when the program ends before. */
  said(pattern: RegExp): Promise<readonly string[]>
}

/** A gate where programs of its user look for one, with the rights of `latchgate up`. */
export interface ExampleWorld extends World {
  /** A directory of the test, the programs' home. */
  readonly home: TempDir
  /** What makes a program find this gate. */
  readonly env: Readonly<Record<string, string>>
  /** Starts Node with these arguments, and `env` besides what makes it find the gate. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Program
  /** Runs `latchgate` as the operator; its standard output. Throws when it fails. */
  operate(...args: readonly string[]): Promise<string>
}

/** Starts a gate, an upstream, and an operator who has a key; close it, and what it started ends. */
export async function startExampleWorld(
  settings: ProjectSettings = {},
  options: Partial<Pick<GateOptions, 'now' | 'env'>> = {},
): Promise<ExampleWorld> {
  const home = tempDir()
  const socketDirectory = home.file('latchgate')
  mkdirSync(socketDirectory, { mode: 0o700 })
  const world = await startWorld(
    {
      socketDirectory,
      data: { policy_version: 'quickstart', acl: { 'agent-test': QUICKSTART } },
      ...settings,
      tables: `${NO_RATES}\n${settings.tables ?? ''}`,
    },
    options,
  )
  const { operator, root, configFile } = world.gate.project
  mkdirSync(join(root, 'operators'), { mode: 0o700 })
  writeFileSync(join(root, 'operators', 'operator.pem'), operator.key.exportPem(), { mode: 0o600 })
  const running: ChildProcess[] = []
  const env = { PATH: String(process.env['PATH']), HOME: home.path, XDG_RUNTIME_DIR: home.path }
  const run: ExampleWorld['run'] = (args, more = {}) => {
    const program = observe(args, { ...env, ...more }, home.path)
    running.push(program.child)
    return program
  }
  return {
    ...world,
    home,
    env,
    run,
    operate: async (...args) => {
      const { code, out, err } = await run([LATCHGATE, '--config', configFile, ...args]).done
      if (code !== 0)
        throw new Error(`latchgate ${args.join(' ')} ended with ${code}: ${out}${err}`)
      return out
    },
    close: async () => {
      for (const child of running) child.kill('SIGKILL')
      await world.close()
      home.remove()
    },
  }
}

/** Starts Node and writes down what it says. */
function observe(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Program {
  const child = spawn(process.execPath, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const done = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }))
  return {
    child,
    done,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(out)
          if (found !== null) resolve(found)
        }
        look()
        child.stdout.on('data', look)
        done.then(() => reject(new Error(`ended without ${pattern}: ${out}${err}`)), reject)
      }),
  }
}
