import { setTimeout as sleep } from 'node:timers/promises'
import { listenerOf } from '../gate-connection.js'
import type { Context } from '../main.js'
import { CommandFailure } from '../output.js'

const STOP_WITHIN_MS = 40_000

/**
 * `latchgate down`: asks the kernel which process listens on the admin socket and ends that one. No
 * pid file: a stale one would name a stranger.
 */
export async function downCommand(context: Context): Promise<number> {
  const { output } = context
  const path = context.load().config.listen_admin_uds_path
  const listener = await listenerOf(path)
  if (listener === null) {
    output.info('no gate is running here: nothing to stop')
    output.document({ ok: true, stopped: false })
    return 0
  }
  if (listener.pid === process.pid) throw new CommandFailure('the gate runs in this process')
  try {
    process.kill(listener.pid, 'SIGTERM')
  } catch (error) {
    throw new CommandFailure(`cannot stop the gate (pid ${listener.pid}): ${String(error)}`)
  }
  output.info(`stopping the gate (pid ${listener.pid}); calls in flight finish first`)
  const deadline = Date.now() + STOP_WITHIN_MS
  while (isAlive(listener.pid)) {
    if (Date.now() > deadline) {
      throw new CommandFailure(`the gate (pid ${listener.pid}) still runs`, {
        hint: `end it with: kill -9 ${listener.pid}   (calls in flight become \`unknown\`)`,
      })
    }
    await sleep(50)
  }
  output.success('stopped')
  output.document({ ok: true, stopped: true, pid: listener.pid })
  return 0
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
