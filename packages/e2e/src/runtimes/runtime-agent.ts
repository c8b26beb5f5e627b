import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type TempDir, tempDir } from '@latchgate/testkit'
import type { Said, Task } from './agent.js'

const PROGRAM = fileURLToPath(new URL('agent.js', import.meta.url))
const REPOSITORY = fileURLToPath(new URL('../../../../../', import.meta.url))

/** A runtime under test. */
export interface Runtime {
  readonly name: string
  readonly binary: string
}

/** How a runtime is told to run a program with what is installed here, and to fetch nothing. */
function argumentsOf(
  name: string,
  sockets: readonly string[],
  keyFiles: readonly string[],
): readonly string[] {
  switch (name) {
    case 'bun':
      return ['run', '--no-install']
    case 'deno':
      // No more than the SDK's README asks for.
      return [
        'run',
        ...['--node-modules-dir=manual', '--no-remote', '--no-prompt'],
        `--allow-net=${['127.0.0.1', ...sockets.map((path) => `unix:${path}`)].join(',')}`,
        `--allow-read=${[...sockets.map(dirname), ...sockets, ...keyFiles].join(',')}`,
        `--allow-write=${sockets.join(',')}`,
        ...[
          '--allow-sys=uid',
          '--allow-env=LATCHGATE_URL,XDG_RUNTIME_DIR,JEST_WORKER_ID,UNDICI_NO_WASM_SIMD',
        ],
      ]
    default:
      return []
  }
}

/**
 * Runs the agent in a runtime. `onHeld` is called with the id of each call that it says is held. Ends
 * with what it printed last; throws an `Error` with its whole output when that is no ending.
 */
export async function runAgent(
  runtime: Runtime,
  task: Task,
  env: Readonly<Record<string, string>> = {},
  onHeld: (approvalId: string) => Promise<void> = async () => undefined,
): Promise<Said> {
  const home = tempDir()
  try {
    return await converse(runtime, task, { ...homeIn(home), ...env }, onHeld)
  } finally {
    home.remove()
  }
}

// Neither configuration nor caches of whoever runs the tests, nor a gate of theirs.
function homeIn(home: TempDir): Readonly<Record<string, string>> {
  mkdirSync(home.file('deno'))
  return { HOME: home.path, DENO_DIR: home.file('deno'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' }
}

async function converse(
  { name, binary }: Runtime,
  task: Task,
  env: Readonly<Record<string, string>>,
  onHeld: (approvalId: string) => Promise<void>,
): Promise<Said> {
  const sockets = [task.options?.['socket'], `${env['XDG_RUNTIME_DIR']}/latchgate/gate.sock`]
  const isText = (path: unknown): path is string => typeof path === 'string'
  const keyFiles = [task.options?.keyFile].filter(isText)
  const before = argumentsOf(name, sockets.filter(isText), keyFiles)
  const child = spawn(binary, [...before, PROGRAM, JSON.stringify(task)], {
    cwd: REPOSITORY,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const errors: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  let ending: Said | null = null
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as Said
    if (said.held === undefined) ending = said
    else await onHeld(said.held)
  }
  const code = await closed
  if (ending !== null && code === 0 && errors.length === 0) return ending
  throw new Error(`${name} ended with ${code}: ${errors.join('')} ${JSON.stringify(ending)}`)
}
