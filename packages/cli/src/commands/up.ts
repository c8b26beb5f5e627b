import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  isRelaxed,
  type LoadedConfig,
  loadConfig,
  type RunningGate,
  unseparatedPrincipals,
} from '@latchgate/gate'
import { askGate, listenerOf } from '../gate-connection.js'
import type { Context } from '../main.js'
import { CommandFailure } from '../output.js'
import { createProject } from '../project.js'
import { serve } from './serve.js'

const READY_WITHIN_MS = 20_000

/** `latchgate up`: sets the project up if need be and starts its gate. */
export async function upCommand(
  context: Context,
  options: { readonly detach?: boolean },
): Promise<number> {
  const { output } = context
  const loaded = await loadOrCreate(context)
  const running = await listenerOf(loaded.config.listen_admin_uds_path)
  if (running !== null) {
    output.success(`the gate is already running (pid ${running.pid})`)
    output.document({ ok: true, already_running: true, pid: running.pid })
    return 0
  }
  if (options.detach === true) return detach(context, loaded)
  return serve(context, loaded, async (gate) => {
    describe(context, loaded, gate.addresses)
    output.document({ ok: true, already_running: false, pid: process.pid, ...gate.addresses })
  })
}

async function loadOrCreate(context: Context): Promise<LoadedConfig> {
  const { env } = context.streams
  const loaded = context.load()
  if (loaded.file !== null) return loaded
  const project = await createProject(context.cwd)
  const { output } = context
  output.success(`set up ${project.directory}`)
  output.field(
    'agent',
    `${project.principal} (this user), may call ${project.actions.length} actions`,
  )
  output.field('operator', `${project.operator}, key in .latchgate/operators/`)
  return loadConfig(project.configFile, { env, cwd: context.cwd })
}

function describe(
  context: Context,
  loaded: LoadedConfig,
  addresses: Omit<RunningGate['addresses'], never>,
): void {
  const { output } = context
  output.success('LatchGate is ready')
  output.field('socket', addresses.clientSocket)
  output.field('admin socket', addresses.adminSocket)
  if (addresses.http !== null) output.field('http', addresses.http)
  output.field('configuration', loaded.source)
  output.field('ledger', loaded.config.ledger_db_path)
  const together = unseparatedPrincipals(loaded.config, process.getuid?.() ?? -1)
  if (together.length > 0) {
    output.warn(`not separated: ${together.join(', ')} runs as the gate's own user`)
    output.hint('such an agent could read the keys; run the gate as a user of its own')
  }
  if (isRelaxed(loaded.config)) {
    const flags = Object.entries(loaded.config.posture).filter(([, set]) => set)
    output.warn(`relaxed posture: ${flags.map(([name]) => name).join(', ')}`)
  }
  output.line()
  output.line('  Try:  latchgate actions        what agents can call')
  output.line('        latchgate status         how the gate is doing')
  output.line('        latchgate verify         check the evidence')
}

async function detach(context: Context, loaded: LoadedConfig): Promise<number> {
  const { output } = context
  if (loaded.file === null) throw new CommandFailure('no configuration file to start from')
  const logFile = join(dirname(loaded.file), 'logs', 'gate.log')
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
  const logFd = openSync(logFile, 'a', 0o600)
  const bin = fileURLToPath(new URL('../../../bin/latchgate.js', import.meta.url))
  const child = spawn(process.execPath, [bin, 'serve', '--config', loaded.file], {
    detached: true,
    stdio: ['ignore', 'ignore', logFd],
    cwd: context.cwd,
    env: { ...context.streams.env },
  })
  closeSync(logFd)
  let exit: number | null | undefined
  child.once('exit', (code) => {
    exit = code
  })
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline) {
    if (exit !== undefined) throw failedStart(logFile)
    if (existsSync(loaded.config.listen_uds_path)) {
      const answer = await askGate(loaded, { method: 'GET', path: '/readyz' }).catch(() => null)
      if (answer?.status === 200) {
        child.unref()
        describe(context, loaded, addressesOf(loaded))
        output.field('log', logFile)
        output.line('\n  Stop it with:  latchgate down')
        output.document({ ok: true, already_running: false, pid: child.pid, log: logFile })
        return 0
      }
    }
    await sleep(50)
  }
  child.kill('SIGTERM')
  throw new CommandFailure(`the gate was not ready within ${READY_WITHIN_MS / 1000} s`, {
    hint: `see ${logFile}`,
  })
}

function addressesOf(loaded: LoadedConfig): RunningGate['addresses'] {
  const { config } = loaded
  return {
    clientSocket: config.listen_uds_path,
    adminSocket: config.listen_admin_uds_path,
    http: config.listen_http_addr ?? null,
    adminHttp: config.listen_admin_http_addr ?? null,
  }
}

function failedStart(logFile: string): CommandFailure {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n')
  const line = lines.reverse().find((one) => one.includes('"startup_error"'))
  if (line === undefined) {
    return new CommandFailure('the gate ended before it was ready', { hint: `see ${logFile}` })
  }
  const { startup_error: code, detail } = JSON.parse(line) as Record<string, string>
  return new CommandFailure(`the gate refused to start (${code}): ${detail}`, {
    fields: { code },
    hint: `log: ${logFile}`,
  })
}
