import { setTimeout as sleep } from 'node:timers/promises'

/** Waits so many milliseconds, or until the signal is aborted; which of the two, the signal tells. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
