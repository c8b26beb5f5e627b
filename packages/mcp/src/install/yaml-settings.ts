import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isScalar, type Pair, parseAllDocuments, type YAMLMap } from 'yaml'
import { InstallError } from './install-error.js'
import type { ServerEntry } from './server-entry.js'
import { type EntryPlace, lineEndOf, placeOf, type SettingsText } from './settings-text.js'

/**
 * YAML whose parsed document says where things are; the text is edited there, since writing the
 * document anew would fold lines and change quotes. Read again as the check.
 */
export const yamlSettings: SettingsText = {
  read(text, place) {
    return mapValue(documentOf(text), place)[place.name]
  },
  insert(text, place, entry) {
    const document = documentOf(text)
    mapValue(document, place)
    const expected = { ...rootValue(document) }
    expected[place.serverMap] = { ...mapValue(document, place), [place.name]: entry }
    return checked(inserted(text, document, place, entry), expected, place, 'add')
  },
  remove(text, place) {
    const document = documentOf(text)
    const { [place.name]: _gone, ...others } = mapValue(document, place)
    const { [place.serverMap]: _map, ...rest } = rootValue(document)
    const expected =
      Object.keys(others).length === 0 ? rest : { ...rest, [place.serverMap]: others }
    return checked(removed(text, document, place), expected, place, 'remove')
  },
}

function documentOf(text: string): Document.Parsed {
  const [document, second] = parseAllDocuments(text, { prettyErrors: false })
  if (second !== undefined) throw new InstallError('more than one YAML document in one file')
  if (document === undefined || !('contents' in document)) return emptyDocument()
  const [first] = document.errors
  if (first !== undefined) {
    throw new InstallError(`${placeOf(text, first.pos[0])}: not YAML (${first.message})`)
  }
  if (document.contents !== null && !isMap(document.contents)) {
    const isEmpty = isScalar(document.contents) && document.contents.value === null
    if (!isEmpty) throw new InstallError('line 1, column 1: the settings must be a mapping')
  }
  return document
}

function emptyDocument(): Document.Parsed {
  const [document] = parseAllDocuments('# \n---\n')
  if (document === undefined || !('contents' in document)) throw new TypeError('no YAML document')
  return document
}

function rootValue(document: Document.Parsed): Record<string, unknown> {
  return (document.toJS() as Record<string, unknown> | null) ?? {}
}

function mapValue(document: Document.Parsed, { serverMap }: EntryPlace): Record<string, unknown> {
  const map = rootValue(document)[serverMap] ?? {}
  if (typeof map === 'object' && !Array.isArray(map)) return map as Record<string, unknown>
  throw new InstallError(`'${serverMap}' must be a mapping`)
}

function inserted(
  text: string,
  document: Document.Parsed,
  place: EntryPlace,
  entry: ServerEntry,
): string {
  const eol = lineEndOf(text)
  const root = isMap(document.contents) ? document.contents : null
  const pair = root === null ? undefined : pairOf(root, place.serverMap)
  if (pair === undefined) {
    if (root?.flow === true) throw byHand(place, 'add')
    const gap = text === '' || text.endsWith('\n') ? '' : eol
    const indent = root === null ? '' : ' '.repeat(columnOf(text, startOf(root)))
    const lines = [`${place.serverMap}:`, ...entryLines(place.name, entry).map((one) => `  ${one}`)]
    return text + gap + lines.map((line) => indent + line + eol).join('')
  }
  const map = pair.value
  const flow = `${place.name}: ${JSON.stringify(entry)}`
  if (isMap(map) && map.flow === true) {
    const at = startOf(map) + 1
    return text.slice(0, at) + flow + (map.items.length === 0 ? '' : ', ') + text.slice(at)
  }
  const isNull = !isMap(map)
  const keyEnd = endOf(pair.key)
  const lineEnd = text.indexOf('\n', keyEnd)
  // `mcp_servers:` without anything has its text to the end of the line, comment included.
  const indent = isNull
    ? columnOf(text, startOf(pair.key)) + 2
    : columnOf(text, startOf(map.items[0]?.key ?? map))
  const lines = entryLines(place.name, entry).map((line) => ' '.repeat(indent) + line + eol)
  const at = lineEnd === -1 ? text.length : lineEnd + 1
  return text.slice(0, at) + (lineEnd === -1 ? eol : '') + lines.join('') + text.slice(at)
}

function removed(text: string, document: Document.Parsed, place: EntryPlace): string {
  const root = isMap(document.contents) ? document.contents : null
  const outer = root === null ? undefined : pairOf(root, place.serverMap)
  const map = outer?.value
  if (outer === undefined || !isMap(map)) throw byHand(place, 'remove')
  const only = map.items.length === 1
  const pair = only ? outer : pairOf(map, place.name)
  if (pair === undefined) throw byHand(place, 'remove')
  const start = startOf(pair.key)
  if (!only && map.flow === true) {
    const next = map.items[map.items.indexOf(pair) + 1]
    const before = map.items[map.items.indexOf(pair) - 1]
    if (next !== undefined) return text.slice(0, start) + text.slice(startOf(next.key))
    const from = before === undefined ? start : lastEndOf(before)
    return text.slice(0, from) + text.slice(lastEndOf(pair))
  }
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const lineEnd = text.indexOf('\n', Math.max(start, lastEndOf(pair) - 1))
  return text.slice(0, lineStart) + (lineEnd === -1 ? '' : text.slice(lineEnd + 1))
}

function checked(
  text: string,
  expected: Record<string, unknown>,
  place: EntryPlace,
  verb: 'add' | 'remove',
): string {
  const [document, second] = parseAllDocuments(text)
  const found =
    document === undefined || !('contents' in document) ? {} : ((document.toJS() as unknown) ?? {})
  const errors = document === undefined || !('errors' in document) ? [] : document.errors
  if (second === undefined && errors.length === 0 && isDeepStrictEqual(found, expected)) return text
  throw byHand(place, verb)
}

function entryLines(name: string, entry: ServerEntry): string[] {
  // Inside of a value JSON is YAML, whatever a path or an argument holds.
  const members = Object.entries(entry).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)
  return [`${name}:`, ...members]
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === name)
}

function lastEndOf(pair: Pair): number {
  const { value } = pair
  if (isMap(value) && value.flow !== true) {
    const last = value.items.at(-1)
    if (last !== undefined) return lastEndOf(last)
  }
  return value === null ? endOf(pair.key) : endOf(value)
}

function rangeOf(node: unknown): readonly [number, number, number] {
  const range = (node as { readonly range?: readonly [number, number, number] | null }).range
  if (range === undefined || range === null) throw new TypeError('a parsed node has no range')
  return range
}

function startOf(node: unknown): number {
  return rangeOf(node)[0]
}

function endOf(node: unknown): number {
  return rangeOf(node)[1]
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1)
}

function byHand({ serverMap, name }: EntryPlace, verb: 'add' | 'remove'): InstallError {
  return new InstallError(
    `'${serverMap}' is written in a way that cannot be edited safely: ${verb} '${name}' by hand`,
  )
}
