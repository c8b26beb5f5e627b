import { connect } from 'node:net'
import {
  inspectSocket,
  type LoadedConfig,
  type ProcessFacts,
  parseListenAddress,
} from '@latchgate/gate'
import { asFailure } from '../failures.js'
import { findListener, type Listener, occupied } from '../listener.js'
import { type Check, Section } from './check.js'

/** Whether a start could listen where it should, and who listens there now. */
export async function checkSockets(
  loaded: LoadedConfig,
  { uid }: ProcessFacts,
): Promise<{ readonly checks: readonly Check[]; readonly listener: Listener | null }> {
  const { config } = loaded
  const section = new Section('sockets')
  for (const [key, path, group] of [
    ['listen_uds_path', config.listen_uds_path, config.listen_uds_group],
    ['listen_admin_uds_path', config.listen_admin_uds_path, config.listen_admin_uds_group],
  ] as const) {
    section.attempt(
      key,
      `set \`${key}\` to a path in a directory of the gate's own`,
      () => inspectSocket(path, uid, group),
      () => path,
    )
  }
  const listener = await checkListener(section, loaded)
  if (listener?.kind !== 'this_gate') await checkFree(section, loaded, listener)
  return { checks: section.checks, listener }
}

async function checkListener(section: Section, loaded: LoadedConfig): Promise<Listener | null> {
  try {
    const listener = await findListener(loaded)
    if (listener.kind === 'nobody') section.ok('gate', 'not running')
    else if (listener.kind === 'this_gate') section.ok('gate', `running, pid ${listener.pid}`)
    else {
      const { message, hints } = occupied(loaded, listener)
      section.error('gate', message, hints.join(' '))
    }
    return listener
  } catch (error) {
    const failure = asFailure(error)
    if (failure.code === 'internal') throw error
    section.error('gate', failure.message, failure.hints.join(' ') || "run it as the gate's user")
    return null
  }
}

// The admin socket tells whose gate runs; the other addresses may be taken by somebody else.
async function checkFree(
  section: Section,
  loaded: LoadedConfig,
  listener: Listener | null,
): Promise<void> {
  const { config } = loaded
  if (listener?.kind === 'nobody' && (await answers({ path: config.listen_uds_path }))) {
    section.error(
      'listen_uds_path',
      `somebody listens on ${config.listen_uds_path} already`,
      'stop that process, or set `listen_uds_path`',
    )
  }
  for (const key of ['listen_http_addr', 'listen_admin_http_addr'] as const) {
    const address = parseListenAddress(config[key] ?? '')
    if (address === undefined || address.port === 0) continue
    if (!(await answers(address))) section.ok(key, `${config[key]} is free`)
    else {
      section.error(
        key,
        `somebody listens on ${config[key]} already`,
        `stop that process, or set \`${key}\``,
      )
    }
  }
}

const ANSWER_WITHIN_MS = 2000

function answers(
  where: { readonly path: string } | { readonly host: string; readonly port: number },
) {
  return new Promise<boolean>((resolve) => {
    const socket = connect(where)
    socket.setTimeout(ANSWER_WITHIN_MS)
    const settle = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', settle(true))
    // Nobody there, or nobody that this user may reach: binding will tell.
    socket.once('error', settle(false))
    socket.once('timeout', settle(false))
  })
}
