import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '@latchgate/gate'
import { PseudoTerminal, type TerminalSize } from '@latchgate/testkit'
import { createProject } from '../src/project.js'
import { ApprovalsDouble } from './approvals-double.js'
import { Machine } from './cli-process.js'
import { type HeldCall, heldCall } from './held-call.js'

const BIN = fileURLToPath(new URL('../../bin/latchgate.js', import.meta.url))

/** An operator's machine: a project, a double of its gate, and terminals to work on. */
export class OperatorDesk {
  readonly machine: Machine
  readonly gate: ApprovalsDouble
  readonly log: string
  readonly #terminals: PseudoTerminal[] = []

  private constructor(machine: Machine, gate: ApprovalsDouble, log: string) {
    this.machine = machine
    this.gate = gate
    this.log = log
  }

  static async open(): Promise<OperatorDesk> {
    const machine = new Machine()
    const { configFile } = await createProject(machine.project)
    mkdirSync(dirname(machine.adminSocket), { mode: 0o700 })
    const { config } = loadConfig(configFile, { env: {}, cwd: machine.project })
    const [credential] = Object.values(config.operator_credentials)
    const gate = new ApprovalsDouble(machine.adminSocket, {
      apiKey: credential!.api_key,
      jkt: credential!.dpop_jkt!,
      publicBaseUrl: config.public_base_url,
      log: config.gate_name,
    })
    await gate.start()
    return new OperatorDesk(machine, gate, config.gate_name)
  }

  /** Holds a call at the gate. */
  hold(given: HeldCall = {}): ReturnType<typeof heldCall> {
    return this.gate.hold(heldCall({ log: this.log, ...given }))
  }

  /** Runs the command on a terminal. */
  terminal(
    args: readonly string[],
    options: { readonly size?: TerminalSize; readonly env?: Readonly<Record<string, string>> } = {},
  ): PseudoTerminal {
    const terminal = PseudoTerminal.start({
      command: process.execPath,
      args: [BIN, ...args],
      cwd: this.machine.project,
      env: {
        PATH: process.env['PATH'],
        HOME: this.machine.temp.path,
        XDG_RUNTIME_DIR: this.machine.runtime,
        ...options.env,
      },
      ...(options.size === undefined ? {} : { size: options.size }),
    })
    this.#terminals.push(terminal)
    return terminal
  }

  async close(): Promise<void> {
    for (const terminal of this.#terminals) {
      try {
        terminal.kill('SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
      await terminal.ended
      terminal.close()
    }
    await this.gate.stop()
    await this.machine.remove()
  }
}
