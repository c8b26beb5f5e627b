import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TempDir, tempDir } from '@latchgate/testkit'

const BIN = fileURLToPath(new URL('../../bin/latchgate.js', import.meta.url))

const WITHIN_MS = 25_000

/** A run of the command that has ended. */
export interface Done {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A run of the command that goes on. */
export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly done: Promise<Done>
  /** Resolves when standard output holds this text; rejects when the process ends before. */
  said(text: string): Promise<void>
}

/** A user's machine of one test: home, runtime directory, one project directory. */
export class Machine {
  readonly temp: TempDir = tempDir()
  readonly runtime: string = this.temp.file('rt')
  readonly project: string = this.temp.file('p')
  readonly #started: ChildProcess[] = []
  readonly #detached = new Set<number>()

  constructor() {
    for (const directory of [this.runtime, this.project]) mkdirSync(directory, { mode: 0o700 })
  }

  get socket(): string {
    return join(this.runtime, 'latchgate', 'gate.sock')
  }

  get adminSocket(): string {
    return join(this.runtime, 'latchgate', 'gate-admin.sock')
  }

  /** A path in `.latchgate` of the project. */
  file(...names: readonly string[]): string {
    return join(this.project, '.latchgate', ...names)
  }

  start(
    args: readonly string[],
    options: {
      readonly cwd?: string
      readonly env?: Readonly<Record<string, string>>
      /** A command that runs the command, such as a shell that sets a limit. */
      readonly under?: readonly string[]
    } = {},
  ): Running {
    const [program = '', ...words] = [...(options.under ?? []), process.execPath, BIN, ...args]
    const child = spawn(program, words, {
      cwd: options.cwd ?? this.project,
      env: {
        PATH: process.env['PATH'],
        HOME: this.temp.path,
        XDG_RUNTIME_DIR: this.runtime,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#started.push(child)
    return observe(child)
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: Parameters<Machine['start']>[1] = {}): Promise<Done> {
    const running = this.start(args, options)
    const timer = setTimeout(() => running.child.kill('SIGKILL'), WITHIN_MS)
    const done = await running.done
    clearTimeout(timer)
    return done
  }

  /** Runs a command with `--json`: its exit code and its one document. */
  async json(
    args: readonly string[],
    options: Parameters<Machine['start']>[1] = {},
  ): Promise<{ readonly code: number | null; readonly document: Record<string, unknown> }> {
    const { code, stdout } = await this.run([...args, '--json'], options)
    const lines = stdout.split('\n')
    if (lines.length !== 2 || lines[1] !== '') throw new Error(`not one line: ${stdout}`)
    return { code, document: JSON.parse(lines[0] ?? '') as Record<string, unknown> }
  }

  /** `latchgate up -d`; the gate is ended with the test at the latest. */
  async up(options: Parameters<Machine['start']>[1] = {}): Promise<Record<string, unknown>> {
    const { code, document } = await this.json(['up', '-d'], options)
    if (code !== 0) throw new Error(`up failed: ${JSON.stringify(document)}`)
    this.#detached.add(document['pid'] as number)
    return document
  }

  /** Puts lines before the first line of the configuration. */
  prependConfig(lines: string): void {
    const file = this.file('latchgate.toml')
    writeFileSync(file, `${lines}\n${readFileSync(file, 'utf8')}`)
  }

  /** Ends everything that was started, and removes all files. */
  async remove(): Promise<void> {
    for (const pid of this.#detached) killIfThere(pid)
    for (const child of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    this.temp.remove()
  }
}

/** Permission bits of a file, in octal. */
export function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

/** True while a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

function observe(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const done = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }))
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    done,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text)) resolve()
        }
        look()
        child.stdout?.on('data', look)
        void done.then(() => reject(new Error(`ended without saying '${text}': ${stderr}`)))
      }),
  }
}

function killIfThere(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
}
