import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, writeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import koffi from 'koffi'
import { TerminalScreen } from './terminal-screen.js'

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** What runs on a pseudo-terminal. */
export interface TerminalProgram {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Default 80x24. */
  readonly size?: TerminalSize
}

/** How a program ended. */
export interface TerminalEnd {
  readonly code: number | null
  readonly signal: string | null
}

const TIOCSWINSZ = 0x5414
const F_SETFD = 2
const F_DUPFD_CLOEXEC = 1030
/** `c_lflag` of struct termios: lines are edited, what is typed is shown. */
const LOCAL_FLAGS_AT = 12
const ICANON = 0x2
const ECHO = 0x8
const FD_CLOEXEC = 1

type OpenPty = (main: Buffer, child: Buffer, name: Buffer, modes: null, size: Buffer) => number
type Ioctl = (fd: number, request: number, size: Buffer) => number
type TcGetAttr = (fd: number, modes: Buffer) => number
type Fcntl = (fd: number, command: number, value: number) => number

interface TerminalCalls {
  readonly openpty: OpenPty
  readonly ioctl: Ioctl
  readonly fcntl: Fcntl
  readonly tcgetattr: TcGetAttr
}

let calls: TerminalCalls | undefined

/**
 * Runs a program on a terminal of its own, as its controlling terminal, in a session of its own
 * (openpty(3)). Linux only. End it, and `close()`, in every test.
 */
export class PseudoTerminal {
  /** What a person would see. */
  readonly screen: TerminalScreen
  /** Resolves when the program has ended and all of its output was read. */
  readonly ended: Promise<TerminalEnd>
  readonly pid: number
  #raw = ''
  // A second descriptor of our end: the reader closes its own when the program has ended.
  readonly #main: number
  #isClosed = false
  readonly #listeners = new Set<() => void>()
  readonly #reader: ReadStream

  private constructor(main: number, child: ReturnType<typeof spawn>, size: TerminalSize) {
    this.#main = terminalCalls().fcntl(main, F_DUPFD_CLOEXEC, 0)
    check('fcntl', this.#main)
    this.screen = new TerminalScreen(size)
    if (child.pid === undefined) throw new Error('the program could not be started')
    this.pid = child.pid
    this.#reader = new ReadStream(main)
    this.#reader.setEncoding('utf8')
    this.#reader.on('data', (data) => {
      const text = String(data)
      this.#raw += text
      this.screen.write(text)
      for (const listener of this.#listeners) listener()
    })
    const read = new Promise<void>((resolve) => {
      this.#reader.once('end', () => resolve())
      this.#reader.once('close', () => resolve())
      // EIO: nobody has the other end any more.
      this.#reader.once('error', () => resolve())
    })
    const exited = once(child, 'exit') as Promise<[number | null, string | null]>
    this.ended = Promise.all([exited, read]).then(([[code, signal]]) => ({ code, signal }))
  }

  /** Starts a program. */
  static start(program: TerminalProgram): PseudoTerminal {
    const size = program.size ?? { columns: 80, rows: 24 }
    const { main, other, name } = openTerminal(size)
    // The first terminal that the leader of a new session opens becomes its controlling one.
    const script = `exec "$0" "$@" <${name} >${name} 2>${name}`
    const child = spawn('/bin/sh', ['-c', script, program.command, ...program.args], {
      detached: true,
      stdio: [other, other, other],
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      env: { TERM: 'xterm-256color', ...program.env },
    })
    closeSync(other)
    return new PseudoTerminal(main, child, size)
  }

  /** Everything that was written to the terminal, as it was written. */
  get raw(): string {
    return this.#raw
  }

  /** True while programs get every key at once and the terminal shows none of them by itself. */
  get isRaw(): boolean {
    const modes = Buffer.alloc(128)
    check('tcgetattr', terminalCalls().tcgetattr(this.#main, modes))
    return (modes.readUInt32LE(LOCAL_FLAGS_AT) & (ICANON | ECHO)) === 0
  }

  /** Types text, or the sequences of keys. */
  type(text: string): void {
    writeSync(this.#main, text)
  }

  /** Changes the size; the kernel tells the program. */
  resize(size: TerminalSize): void {
    this.screen.resize(size)
    check('ioctl(TIOCSWINSZ)', terminalCalls().ioctl(this.#main, TIOCSWINSZ, sizeBytes(size)))
  }

  /** Sends a signal to the program's process group. */
  kill(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal)
  }

  /** Resolves when the condition holds; looked at after every output. Rejects when all has ended. */
  until(condition: (terminal: this) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!condition(this)) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
      this.ended.then(() => {
        look()
        reject(new Error(`the program ended before; the screen was:\n${this.screen.text}`))
      }, reject)
    })
  }

  /** Resolves when the screen shows this text. */
  shows(text: string): Promise<void> {
    return this.until(({ screen }) => screen.text.includes(text))
  }

  /** Hangs up: the program loses its terminal. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reader.destroy()
    closeSync(this.#main)
  }
}

function openTerminal(size: TerminalSize): {
  readonly main: number
  readonly other: number
  readonly name: string
} {
  const { openpty, fcntl } = terminalCalls()
  const [main, other, name] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.alloc(128)]
  check('openpty', openpty(main, other, name, null, sizeBytes(size)))
  const fds = { main: main.readInt32LE(0), other: other.readInt32LE(0) }
  // A program that has our end too would never see the terminal hang up.
  for (const fd of [fds.main, fds.other]) check('fcntl', fcntl(fd, F_SETFD, FD_CLOEXEC))
  return { ...fds, name: name.toString('latin1', 0, name.indexOf(0)) }
}

function terminalCalls(): TerminalCalls {
  if (calls !== undefined) return calls
  if (process.platform !== 'linux') throw new Error('pseudo-terminals are made on Linux only')
  const library = libraryWithOpenpty()
  const c = koffi.load(null)
  calls = {
    openpty: library.func(
      'int openpty(void *main, void *child, void *name, void *modes, void *size)',
    ) as OpenPty,
    ioctl: c.func('int ioctl(int fd, unsigned long request, void *size)') as Ioctl,
    tcgetattr: c.func('int tcgetattr(int fd, void *modes)') as TcGetAttr,
    fcntl: c.func('int fcntl(int fd, int command, int value)') as Fcntl,
  }
  return calls
}

// In the C library since glibc 2.34, and in musl; in libutil before.
function libraryWithOpenpty(): ReturnType<typeof koffi.load> {
  const own = koffi.load(null)
  try {
    own.func('int openpty(void *main, void *child, void *name, void *modes, void *size)')
    return own
  } catch {
    return koffi.load('libutil.so.1')
  }
}

// struct winsize: rows, columns, and two numbers of pixels.
function sizeBytes({ columns, rows }: TerminalSize): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(rows, 0)
  bytes.writeUInt16LE(columns, 2)
  return bytes
}

function check(call: string, result: number): void {
  if (result < 0) throw new Error(`${call} failed`)
}
