import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** A note to publish. Its id is made once, so that whoever receives it twice can tell. */
export interface Note {
  readonly id: string
  readonly text: string
}

/** Where the program is: everything it has to know when it starts again. */
export type State =
  | { readonly at: 'drafting'; readonly note: Note }
  | { readonly at: 'waiting'; readonly note: Note; readonly approvalId: string }
  | { readonly at: 'done'; readonly receiptId: string; readonly verified: boolean }
  | { readonly at: 'denied'; readonly reason: string }
  | { readonly at: 'expired'; readonly approvalId: string }
  | { readonly at: 'failed'; readonly reason: string; readonly receiptId: string | null }

/** The state in the file, or the first one when there is no file. */
export function loadState(file: string): State {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as State
  return { at: 'drafting', note: { id: randomUUID(), text: 'Release 1.4 is out.' } }
}

/** Writes beside the file, then renames: whenever the program dies, one whole state is there. */
export function saveState(file: string, state: State): void {
  const beside = `${file}.new`
  writeFileSync(beside, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600, flush: true })
  renameSync(beside, file)
}
