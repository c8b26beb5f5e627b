/** The gate was not heard from in time. Whatever it has begun it finishes. */
export class GateTooLate extends Error {
  override readonly name = 'GateTooLate'

  constructor(seconds: number) {
    super(`the gate did not answer within ${seconds} s`)
  }
}

/**
 * Waits for `work`, but not longer than `seconds`, and not beyond the abort of `signal`: rejects with
 * `GateTooLate`, or with the reason of the abort. The work is given a signal to stop by; what does
 * not is left behind.
 */
export async function withinSeconds<T>(
  seconds: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new GateTooLate(seconds)), seconds * 1000)
  const ended = signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal])
  try {
    return await Promise.race([aborted(ended), work(ended)])
  } finally {
    clearTimeout(timer)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => {
      const { reason } = signal as { readonly reason: unknown }
      reject(reason instanceof Error ? reason : new Error(String(reason)))
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
