import { isDeepStrictEqual } from 'node:util'
import type { FileClient, SettingsFormat } from './clients.js'
import { InstallError } from './install-error.js'
import { jsonSettings } from './json-settings.js'
import { OPERATOR_NAME, SERVER_NAME, type ServerEntry } from './server-entry.js'
import { backupsOf, type SettingsFile, textOf } from './settings-file.js'
import type { EntryPlace, SettingsText } from './settings-text.js'
import { tomlSettings } from './toml-settings.js'
import { yamlSettings } from './yaml-settings.js'

const EDITORS: Readonly<Record<SettingsFormat, SettingsText>> = {
  json: jsonSettings,
  toml: tomlSettings,
  yaml: yamlSettings,
}

const BOM = '\uFEFF'

/** What would become of a settings file. */
export interface SettingsChange {
  readonly read: SettingsFile
  readonly before: string
  /** Null: the file goes, as it was not there before the installation. */
  readonly after: string | null
  /** The file held another entry of ours. */
  readonly replaces: boolean
  /** The file holds an operator's entry, which an earlier version put there. */
  readonly hasOperator: boolean
  /** The backup whose bytes come back, if it is one. */
  readonly restores: string | null
}

/** The change that puts the entry in; `after` equals `before` when it is there already. */
export function installChange(
  client: FileClient,
  read: SettingsFile,
  entry: ServerEntry,
): SettingsChange {
  return changeOf(client, read, (before, editor) => {
    const place = placeIn(client, SERVER_NAME)
    const current = editor.read(before, place)
    const hasOperator = editor.read(before, placeIn(client, OPERATOR_NAME)) !== undefined
    const facts = { hasOperator, restores: null, replaces: current !== undefined }
    if (isSame(current, entry)) return { ...facts, after: before }
    const without = current === undefined ? before : editor.remove(before, place)
    return { ...facts, after: editor.insert(without, place, entry) }
  })
}

/**
 * The change that takes the entry out. Where nothing but the installation happened since a backup,
 * the backup's bytes come back, and a file that the installation made goes.
 */
export function uninstallChange(client: FileClient, read: SettingsFile): SettingsChange {
  return changeOf(client, read, (before, editor) => {
    const place = placeIn(client, SERVER_NAME)
    const operator = placeIn(client, OPERATOR_NAME)
    const current = editor.read(before, place)
    const hasOperator = editor.read(before, operator) !== undefined
    const facts = { hasOperator, restores: null, replaces: current !== undefined }
    if (isServerEntry(current) && !hasOperator) {
      const backup = backupsOf(read).find((one) => leadsTo(editor, client, one, current, before))
      if (backup !== undefined) {
        return { ...facts, after: withoutBom(textOf(backup)), restores: backup.path }
      }
      if (editor.insert('', place, current) === before) return { ...facts, after: null }
    }
    let after = before
    for (const one of [place, operator]) {
      if (editor.read(after, one) !== undefined) after = editor.remove(after, one)
    }
    return { ...facts, after }
  })
}

function changeOf(
  client: FileClient,
  read: SettingsFile,
  change: (before: string, editor: SettingsText) => Omit<SettingsChange, 'read' | 'before'>,
): SettingsChange {
  const whole = textOf(read)
  const bom = whole.startsWith(BOM) ? BOM : ''
  const before = withoutBom(whole)
  try {
    const found = change(before, EDITORS[client.format])
    const after = found.after === null ? null : bom + found.after
    return { ...found, read, before: whole, after }
  } catch (error) {
    if (!(error instanceof InstallError)) throw error
    throw new InstallError(`${read.path}: ${error.message}; the file was left as it is`, {
      cause: error,
    })
  }
}

// A backup that does not parse any more, or that has an entry of ours, leads nowhere.
function leadsTo(
  editor: SettingsText,
  client: FileClient,
  backup: SettingsFile,
  entry: ServerEntry,
  now: string,
): boolean {
  try {
    const text = withoutBom(textOf(backup))
    const place = placeIn(client, SERVER_NAME)
    return editor.read(text, place) === undefined && editor.insert(text, place, entry) === now
  } catch (error) {
    if (error instanceof InstallError) return false
    throw error
  }
}

function placeIn({ serverMap }: FileClient, name: string): EntryPlace {
  return { serverMap, name }
}

function isServerEntry(value: unknown): value is ServerEntry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// Parsers make objects without a prototype.
function isSame(current: unknown, entry: ServerEntry): boolean {
  if (current === undefined) return false
  const copy: unknown = JSON.parse(JSON.stringify(current))
  return isDeepStrictEqual(copy, JSON.parse(JSON.stringify(entry)))
}

function withoutBom(text: string): string {
  return text.startsWith(BOM) ? text.slice(1) : text
}
