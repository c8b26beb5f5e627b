import { setTimeout as sleep } from 'node:timers/promises'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { findListener, occupied } from '../listener.js'

const STOP_WITHIN_MS = 40_000

/**
 * `latchgate down`: asks the kernel which process listens on the admin socket, makes sure that it is
 * this project's gate, and ends that one. No pid file: a stale one would name a stranger.
 */
export async function downCommand(context: Context): Promise<number> {
  const { output } = context
  const loaded = context.load()
  const listener = await findListener(loaded)
  if (listener.kind === 'nobody') {
    output.info('no gate is running here: nothing to stop')
    output.document({ ok: true, stopped: false, pid: null })
    return 0
  }
  if (listener.kind !== 'this_gate') throw occupied(loaded, listener)
  const { pid } = listener
  // 0 would mean this process's own group: the kernel gives it for a process of another pid namespace.
  if (pid <= 0) {
    throw new CommandFailure('io_error', 'the gate runs in a container of its own', {
      hints: ['stop it there'],
    })
  }
  terminate(pid)
  output.info(`stopping the gate (pid ${pid}); calls in flight finish first`)
  const deadline = Date.now() + STOP_WITHIN_MS
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new CommandFailure('gate_still_running', `the gate (pid ${pid}) still runs`, {
        hints: [`end it with: kill -9 ${pid}   (calls in flight become \`unknown\`)`],
        fields: { pid },
      })
    }
    await sleep(50)
  }
  output.success('stopped')
  output.document({ ok: true, stopped: true, pid })
  return 0
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    // An operator with a user of his own reaches the admin socket, and not the process behind it.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    throw new CommandFailure('io_error', `the gate (pid ${pid}) is another user's process`, {
      hints: ['stop it as that user; to let it begin nothing: latchgate drain'],
    })
  }
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
