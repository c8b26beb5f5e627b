/** Signals that end a command that goes on until it is ended, and its exit code then: 128 + number. */
export const ENDING_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** One of `ENDING_SIGNALS`. */
export type EndingSignal = keyof typeof ENDING_SIGNALS

/** Calls `end` with the exit code of the first such signals; returns what stops listening. */
export function onEndingSignal(end: (exitCode: number) => void): () => void {
  const onSignal = (name: EndingSignal): void => end(ENDING_SIGNALS[name])
  const names = Object.keys(ENDING_SIGNALS) as EndingSignal[]
  for (const name of names) process.on(name, onSignal)
  return () => {
    for (const name of names) process.off(name, onSignal)
  }
}
