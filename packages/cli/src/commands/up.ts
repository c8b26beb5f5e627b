import {
  type GateAddresses,
  isRelaxed,
  type LoadedConfig,
  loadConfig,
  relaxedFlags,
  unseparatedPrincipals,
} from '@latchgate/gate'
import type { Context } from '../context.js'
import { detach } from '../detached-gate.js'
import { askChoices, canChoose } from '../first-run.js'
import { findListener, occupied } from '../listener.js'
import { createProject, defaultChoices, type NewProject } from '../project.js'
import { openGate, untilSignal } from './serve.js'

/** `latchgate up`: sets the project up if need be and starts its gate. */
export async function upCommand(
  context: Context,
  options: { readonly detach?: boolean; readonly yes?: boolean },
): Promise<number> {
  const { output } = context
  const found = await loadOrCreate(context, options.yes === true)
  if (found === null) {
    output.info('nothing was set up')
    return 0
  }
  const { loaded, project } = found
  const created = project !== null
  const listener = await findListener(loaded)
  if (listener.kind === 'this_gate') {
    output.success(`the gate is already running (pid ${listener.pid})`)
    output.document(document(loaded, { created, running: true, pid: listener.pid, log: null }))
    return 0
  }
  if (listener.kind !== 'nobody') throw occupied(loaded, listener)
  if (options.detach === true) {
    const { pid, logFile, alreadyRunning } = await detach(context, loaded)
    if (alreadyRunning) output.success(`the gate is already running (pid ${pid})`)
    else describe(context, loaded, 'latchgate down           stop the gate', { logFile })
    output.document(
      document(loaded, {
        created,
        running: alreadyRunning,
        pid,
        log: alreadyRunning ? null : logFile,
      }),
    )
    return 0
  }
  const gate = await openGate(context, loaded)
  const stopped = untilSignal(gate)
  describe(context, loaded, 'Ctrl-C                   stop the gate', gate)
  output.document(document(loaded, { created, running: false, pid: process.pid, log: null }))
  await stopped
  output.success('stopped')
  return 0
}

// Null when the person at the terminal thought better of it.
async function loadOrCreate(
  context: Context,
  isDecided: boolean,
): Promise<{ readonly loaded: LoadedConfig; readonly project: NewProject | null } | null> {
  const { env } = context.streams
  const loaded = context.load()
  if (loaded.file !== null) return { loaded, project: null }
  const choices =
    !isDecided && canChoose(context)
      ? await askChoices(context, defaultChoices())
      : defaultChoices()
  if (choices === null) return null
  const project = await createProject(context.cwd, choices)
  const { output } = context
  output.success(`set up ${project.directory}`)
  output.field('agent', `${project.principal} (this user)`)
  output.field('may call', project.actions.join(', ') || 'nothing yet')
  output.field('operator', `${project.operator}, key in .latchgate/operators/`)
  return { loaded: loadConfig(undefined, { env, cwd: context.cwd }), project }
}

function describe(
  context: Context,
  loaded: LoadedConfig,
  stopping: string,
  given: { readonly addresses?: GateAddresses; readonly logFile?: string },
): void {
  const addresses = given.addresses ?? configuredAddresses(loaded)
  const { output } = context
  output.success('LatchGate is ready')
  output.field('socket', addresses.clientSocket)
  output.field('admin socket', addresses.adminSocket)
  if (addresses.http !== null) output.field('http', addresses.http)
  if (addresses.adminHttp !== null) output.field('admin http', addresses.adminHttp)
  output.field('configuration', loaded.source)
  output.field('ledger', loaded.config.ledger_db_path)
  if (given.logFile !== undefined) output.field('log', given.logFile)
  const together = unseparatedPrincipals(loaded.config, process.getuid?.() ?? -1)
  if (together.length > 0) {
    output.warn(`not separated: ${together.join(', ')} runs as the gate's own user`)
    output.hint('such an agent could read the keys; run the gate as a user of its own')
  }
  if (isRelaxed(loaded.config)) {
    output.warn(`relaxed posture: ${relaxedFlags(loaded.config).join(', ')}`)
  }
  output.line()
  output.line('  Next:  latchgate actions        what agents can call')
  output.line('         latchgate status         how the gate is doing')
  output.line('         latchgate verify         check the evidence')
  output.line(`         ${stopping}`)
}

function document(
  loaded: LoadedConfig,
  given: {
    readonly created: boolean
    readonly running: boolean
    readonly pid: number
    readonly log: string | null
  },
): object {
  const { config, file } = loaded
  return {
    ok: true,
    created: given.created,
    already_running: given.running,
    pid: given.pid,
    config: file,
    socket: config.listen_uds_path,
    admin_socket: config.listen_admin_uds_path,
    log: given.log,
  }
}

function configuredAddresses(loaded: LoadedConfig): GateAddresses {
  const { config } = loaded
  return {
    clientSocket: config.listen_uds_path,
    adminSocket: config.listen_admin_uds_path,
    http: config.listen_http_addr ?? null,
    adminHttp: config.listen_admin_http_addr ?? null,
  }
}
