import type { ServerEntry } from './server-entry.js'

/** Where an entry is in a settings file. */
export interface EntryPlace {
  readonly serverMap: string
  readonly name: string
}

/**
 * Edits one entry of a settings text and leaves every other character as it is. All throw an
 * `InstallError` that names the place (line and column) of what cannot be read or edited.
 */
export interface SettingsText {
  /** The value of the entry, `undefined` when there is none. */
  read(text: string, place: EntryPlace): unknown
  /** The text with an entry that is not there yet. */
  insert(text: string, place: EntryPlace, entry: ServerEntry): string
  /** The text without an entry that is there. */
  remove(text: string, place: EntryPlace): string
}

/** `line 3, column 5` of an offset. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`
}

/** The line ending a text uses. */
export function lineEndOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}
