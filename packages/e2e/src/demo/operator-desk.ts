import { main } from '@latchgate/cli'
import { openDatabase } from '@latchgate/gate'
import type { Props } from './props.js'

/** What a command of the operator printed, and how it ended. */
export interface Printed {
  readonly exitCode: number
  readonly lines: readonly string[]
}

/** Runs `latchgate …` as the project's operator would, and returns what it prints. */
export async function latchgate(props: Props, ...args: readonly string[]): Promise<Printed> {
  let text = ''
  const stream = {
    write: (chunk: string): boolean => {
      text += chunk
      return true
    },
  }
  const streams = { stdout: stream, stderr: stream, env: {} }
  const exitCode = await main(['--config', props.configFile, ...args], streams, props.directory)
  return { exitCode, lines: text.split('\n') }
}

/**
 * Changes one byte of the plan that is stored for a held call, in the ledger of the running gate;
 * returns what changes it back.
 */
export function changeStoredPlan(props: Props, from: string, to: string): () => void {
  const replace = (a: string, b: string): void => {
    const database = openDatabase(props.ledger)
    database.exec('PRAGMA busy_timeout = 2000')
    database
      .prepare(
        `UPDATE payloads SET bytes = CAST(replace(CAST(bytes AS TEXT), ?, ?) AS BLOB)
         WHERE kind = 'plan'`,
      )
      .run(a, b)
    database.close()
  }
  replace(from, to)
  return () => replace(to, from)
}
