import { isDeepStrictEqual } from 'node:util'
import { parse, TomlError } from 'smol-toml'
import { InstallError } from './install-error.js'
import type { ServerEntry } from './server-entry.js'
import { type EntryPlace, lineEndOf, type SettingsText } from './settings-text.js'

type Table = Record<string, unknown>

/** TOML with a table for each server; the text is edited by lines and read again as the check. */
export const tomlSettings: SettingsText = {
  read(text, place) {
    return mapOf(parsed(text), place)?.[place.name]
  },
  insert(text, place, entry) {
    const before = parsed(text)
    mapOf(before, place)
    const eol = lineEndOf(text)
    const table = tableText(place, entry).replaceAll('\n', eol)
    const gap = text === '' ? '' : text.endsWith('\n') ? eol : eol + eol
    return checked(text + gap + table, withEntry(before, place, entry), place)
  },
  remove(text, place) {
    const expected = withEntry(parsed(text), place, undefined)
    let rest = text
    // A table of its own for `env` may stand anywhere after, or before, the server's.
    while (mapOf(parsed(rest), place)?.[place.name] !== undefined) {
      const shorter = withoutOneTable(rest, place, expected)
      if (shorter === null) throw byHand(place, 'remove')
      rest = shorter
    }
    return rest
  },
}

function parsed(text: string): Table {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const why = cause.message.split('\n')[0] ?? ''
    throw new InstallError(`line ${cause.line}, column ${cause.column}: not TOML (${why})`, {
      cause,
    })
  }
}

function mapOf(root: Table, { serverMap }: EntryPlace): Table | undefined {
  const map = root[serverMap]
  if (map === undefined || isTable(map)) return map
  throw new InstallError(`'${serverMap}' must be a table`)
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withEntry(root: Table, place: EntryPlace, entry: ServerEntry | undefined): Table {
  const { [place.name]: _old, ...others } = mapOf(root, place) ?? {}
  const map = entry === undefined ? others : { ...others, [place.name]: entry }
  const { [place.serverMap]: _map, ...rest } = root
  // Without its last table the map is not there either.
  return Object.keys(map).length === 0 ? rest : { ...rest, [place.serverMap]: map }
}

function checked(text: string, expected: Table, place: EntryPlace): string {
  let found: Table
  try {
    found = parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    throw byHand(place, 'add')
  }
  if (!isSame(found, expected)) throw byHand(place, 'add')
  return text
}

function withoutOneTable(text: string, place: EntryPlace, expected: Table): string | null {
  const lines = text.split(/(?<=\n)/)
  for (const [from, line] of lines.entries()) {
    if (!isHeaderOf(line, place)) continue
    for (let to = from + 1; to <= lines.length; to += 1) {
      const next = lines[to]
      if (next !== undefined && !/^\s*\[/.test(next)) continue
      const shorter = cut(lines, from, to)
      if (agrees(shorter, expected, place)) return shorter
    }
  }
  return null
}

// A line that begins with a bracket may be inside a string or an array: only a cut that leaves
// every other value as it was is taken.
function agrees(text: string, expected: Table, place: EntryPlace): boolean {
  try {
    return isSame(withEntry(parse(text), place, undefined), expected)
  } catch (cause) {
    if (cause instanceof TomlError) return false
    throw cause
  }
}

// Comments right above the next table belong to it; the empty line above ours was put there by us.
function cut(lines: readonly string[], from: number, to: number): string {
  let end = to
  while (end > from + 1 && to < lines.length && /^\s*(#.*)?$/.test(lines[end - 1]?.trimEnd() ?? ''))
    end -= 1
  const start = from > 0 && lines[from - 1]?.trim() === '' ? from - 1 : from
  return [...lines.slice(0, start), ...lines.slice(end)].join('')
}

function isHeaderOf(line: string, { serverMap, name }: EntryPlace): boolean {
  const path = /^\s*\[\s*([^[\]]+?)\s*\]\s*(#.*)?\r?\n?$/.exec(line)?.[1]
  if (path === undefined) return false
  const [first, second] = path.split('.').map((key) => key.trim().replace(/^(["'])(.*)\1$/, '$2'))
  return first === serverMap && second === name
}

function isSame(a: Table, b: Table): boolean {
  return isDeepStrictEqual(plain(a), plain(b))
}

// The parser's tables have no prototype, and its dates compare by their text.
function plain(value: unknown): unknown {
  if (value instanceof Date) return String(value)
  if (Array.isArray(value)) return value.map(plain)
  if (!isTable(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}

function tableText({ serverMap, name }: EntryPlace, entry: ServerEntry): string {
  const lines = Object.entries(entry).map(([key, value]) => `${key} = ${tomlValue(value)}\n`)
  return `[${serverMap}.${name}]\n${lines.join('')}`
}

function tomlValue(value: ServerEntry[string]): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map((one) => quoted(String(one))).join(', ')}]`
  const pairs = Object.entries(value).map(([key, one]) => `${key} = ${quoted(String(one))}`)
  return `{ ${pairs.join(', ')} }`
}

// JSON's strings are TOML's basic strings, but for the one control character JSON lets through.
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f')
}

function byHand({ serverMap, name }: EntryPlace, verb: 'add' | 'remove'): InstallError {
  return new InstallError(
    `'${serverMap}' is written in a way that cannot be edited safely: ${verb} the table ` +
      `[${serverMap}.${name}] by hand`,
  )
}
