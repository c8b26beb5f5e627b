import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { claimedCheckpoint, NoteError } from '@latchgate/evidence'

/** The file in which the gate notes its latest checkpoint, outside of the database's directory. */
export function highWaterPath(ledger: string): string {
  return join(dirname(dirname(ledger)), `${basename(ledger)}.high-water`)
}

/**
 * The checkpoint note in a file that was kept: the note itself, or the last one of a copy of the
 * gate's high-water file. Nothing is checked here; the verifier does.
 */
export function readCheckpoint(path: string): string {
  const text = readFileSync(path, 'utf8')
  return text.trimStart().startsWith('{') ? (lastNote(text, null) ?? text) : text
}

/** The latest checkpoint of the log `origin` beside its ledger; null when there is none. */
export function readHighWater(ledger: string, origin: string): string | null {
  const path = highWaterPath(ledger)
  return existsSync(path) ? lastNote(readFileSync(path, 'utf8'), origin) : null
}

function lastNote(text: string, origin: string | null): string | null {
  return (
    text
      .split('\n')
      .map((line) => noteOf(line))
      .findLast((note) => note !== null && (origin === null || originOf(note) === origin)) ?? null
  )
}

// A crash may cut a line short; the line before it is at most a second older.
function noteOf(line: string): string | null {
  if (line === '') return null
  try {
    const { note } = JSON.parse(line) as { readonly note?: unknown }
    return typeof note === 'string' ? note : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function originOf(note: string): string | null {
  try {
    return claimedCheckpoint(note).origin
  } catch (error) {
    if (error instanceof NoteError) return null
    throw error
  }
}
