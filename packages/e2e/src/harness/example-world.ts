import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPolicyData, loadPreset } from '@latchgate/catalogue'
import { loadBuiltinManifests } from '@latchgate/catalogue/node'
import type { GateOptions } from '@latchgate/gate'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { NO_RATES } from './approval-world.js'
import type { ProjectSettings } from './gate.js'
import { observe, type Program } from './observed-program.js'
import { startWorld, type World } from './world.js'

/** The repository, with a slash at the end. */
export const ROOT: string = fileURLToPath(new URL('../../../../../', import.meta.url))

const LATCHGATE = `${ROOT}packages/cli/bin/latchgate.js`
const LATCHGATE_MCP = `${ROOT}packages/mcp/bin/latchgate-mcp.js`

/** A gate where programs of its user look for one, with the rights of `latchgate up`. */
export interface ExampleWorld extends World {
  /** A directory of the test, the programs' home. */
  readonly home: TempDir
  /** What makes a program find this gate. */
  readonly env: Readonly<Record<string, string>>
  /** Starts Node with these arguments, and `env` besides what makes it find the gate. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Program
  /** Starts a program of `PATH`, with `input` on its standard input. */
  start(command: string, args: readonly string[], input?: string): Program
  /** Runs `latchgate` as the operator; its standard output. Throws when it fails. */
  operate(...args: readonly string[]): Promise<string>
}

/** Starts a gate, an upstream, and an operator who has a key, with the policy of `latchgate up`; close it, and what it started ends. */
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
      data: buildPolicyData(loadPreset('quickstart'), loadBuiltinManifests(), [
        settings.principal ?? 'agent-test',
      ]),
      ...settings,
      tables: `${NO_RATES}\n${settings.tables ?? ''}`,
    },
    options,
  )
  const { operator, root, configFile } = world.gate.project
  mkdirSync(join(root, 'operators'), { mode: 0o700 })
  writeFileSync(join(root, 'operators', 'operator.pem'), operator.key.exportPem(), { mode: 0o600 })
  const running: ChildProcess[] = []
  const bin = commands(home, configFile)
  const env = {
    PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: home.path,
    XDG_RUNTIME_DIR: home.path,
  }
  const start = (command: string, args: readonly string[], more: object, input = ''): Program => {
    const child = spawn(command, args, { cwd: home.path, env: { ...env, ...more }, stdio: 'pipe' })
    running.push(child)
    child.stdin.end(input)
    return observe(child)
  }
  const run: ExampleWorld['run'] = (args, more = {}) => start(process.execPath, args, more)
  return {
    ...world,
    home,
    env,
    run,
    start: (command, args, input) => start(command, args, {}, input),
    operate: async (...args) => {
      const { code, out, err } = await start('latchgate', args, {}).done
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

/** Makes `latchgate` and `latchgate-mcp` commands, and `.latchgate` the gate's; their directory. */
function commands(home: TempDir, configFile: string): string {
  symlinkSync(dirname(configFile), home.file('.latchgate'))
  const directory = home.file('bin')
  mkdirSync(directory)
  const command = (name: string, ...words: readonly string[]): void => {
    const quoted = [process.execPath, ...words].map((word) => `'${word}'`).join(' ')
    const script = `#!/bin/sh\nexec ${quoted} "$@"\n`
    writeFileSync(join(directory, name), script, { mode: 0o700 })
  }
  command('latchgate', LATCHGATE, '--config', configFile)
  command('latchgate-mcp', LATCHGATE_MCP)
  return directory
}
