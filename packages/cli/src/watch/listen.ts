import { ENDING_SIGNALS, onEndingSignal } from '../ending-signals.js'
import type { TextStream } from '../output.js'
import type { Terminal } from './terminal.js'

/** What the queue is shown on. */
export interface WatchScreen {
  readonly input: NodeJS.ReadStream
  readonly output: TextStream
  readonly hasColour: boolean
  readonly hasBell: boolean
}

/** What is heard of a terminal and its process. */
export interface WatchListener {
  readonly read: (text: string) => void
  readonly resized: () => void
  /** The terminal was somebody else's meanwhile: nothing of what was drawn is left. */
  readonly returned: () => void
  readonly ended: (exitCode: number) => void
}

/** Listens until the returned function is called. Whatever ends the process, the terminal is given back. */
export function listen(
  { input, output }: WatchScreen,
  terminal: Terminal,
  listener: WatchListener,
): () => void {
  const onData = (data: Buffer | string): void => listener.read(data.toString())
  const onGone = (): void => listener.ended(ENDING_SIGNALS.SIGHUP)
  const onResize = (): void => listener.resized()
  const onContinue = (): void => {
    // Stopped and continued from outside: the shell has had the terminal meanwhile.
    terminal.close()
    terminal.open()
    listener.returned()
  }
  const giveBack = (): void => terminal.close()
  input.setEncoding('utf8')
  input.on('data', onData).on('end', onGone).on('error', onGone)
  output.on?.('resize', onResize)
  process.on('SIGCONT', onContinue)
  // Also after an error that nobody caught.
  process.on('exit', giveBack)
  const stopSignals = onEndingSignal(listener.ended)
  return () => {
    input.off('data', onData).off('end', onGone).off('error', onGone)
    output.off?.('resize', onResize)
    process.off('SIGCONT', onContinue)
    process.off('exit', giveBack)
    stopSignals()
  }
}
