import { createInterface } from 'node:readline/promises'
import type { Context } from './context.js'

/** True when a person can be asked: input and output are a terminal, and no program reads along. */
export function canAsk({ output, streams }: Context): boolean {
  return !output.json && streams.stdout.isTTY === true && streams.stdin?.isTTY === true
}

/**
 * Asks on the terminal; null when the person ends it with Ctrl-C or Ctrl-D. The question is ours:
 * text of somebody else must have been made safe to print.
 */
export async function askPerson({ streams }: Context, question: string): Promise<string | null> {
  const { stdin } = streams
  if (stdin === undefined) throw new Error('there is nobody to ask')
  stdin.ref()
  const reader = createInterface({
    input: stdin,
    output: streams.stdout as NodeJS.WriteStream,
    terminal: true,
  })
  try {
    const left = new Promise<null>((resolve) => reader.once('close', () => resolve(null)))
    const answer = await Promise.race([reader.question(question), left])
    if (answer === null) streams.stdout.write('\n')
    return answer
  } finally {
    reader.close()
    // Otherwise the open terminal would keep the process from ending.
    stdin.unref()
  }
}
