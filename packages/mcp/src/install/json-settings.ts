import {
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { InstallError } from './install-error.js'
import { type EntryPlace, lineEndOf, placeOf, type SettingsText } from './settings-text.js'

/** JSON, with comments and trailing commas where the client allows them. */
export const jsonSettings: SettingsText = {
  read(text, place) {
    const map = serverMapOf(text, place)
    const found = map === null ? null : propertyOf(text, map, place.name)
    return found === null ? undefined : propertyValue(found)
  },
  insert(text, place, entry) {
    const root = rootOf(text)
    if (root === null) return `${render({ [place.serverMap]: { [place.name]: entry } }, '  ')}\n`
    const map = serverMapOf(text, place)
    return map === null
      ? addMember(text, root, place.serverMap, { [place.name]: entry })
      : addMember(text, map, place.name, entry)
  },
  remove(text, place) {
    const map = serverMapOf(text, place)
    const found = map === null ? null : propertyOf(text, map, place.name)
    if (map === null || found === null) return text
    return removeMember(text, map, found)
  },
}

// Null: an empty file, which counts as an empty object.
function rootOf(text: string): Node | null {
  if (text.trim() === '') return null
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first !== undefined || root === undefined) {
    const why = first === undefined ? 'no value' : printParseErrorCode(first.error)
    throw new InstallError(`${placeOf(text, first?.offset ?? 0)}: not JSON (${why})`)
  }
  if (root.type !== 'object') {
    throw new InstallError(`${placeOf(text, root.offset)}: the settings must be an object`)
  }
  return root
}

function serverMapOf(text: string, { serverMap }: EntryPlace): Node | null {
  const root = rootOf(text)
  const property = root === null ? null : propertyOf(text, root, serverMap)
  const map = property?.children?.[1]
  if (map === undefined) return null
  if (map.type === 'object') return map
  throw new InstallError(`${placeOf(text, map.offset)}: '${serverMap}' must be an object`)
}

function propertyOf(text: string, object: Node, name: string): Node | null {
  const found = (object.children ?? []).filter((one) => one.children?.[0]?.value === name)
  const [first, second] = found
  // Of two, one parser takes the first and another the last.
  if (second !== undefined) {
    throw new InstallError(`${placeOf(text, second.offset)}: '${name}' is there twice`)
  }
  return first ?? null
}

function propertyValue(property: Node): unknown {
  const value = property.children?.[1]
  return value === undefined ? undefined : getNodeValue(value)
}

function addMember(text: string, object: Node, name: string, value: object): string {
  const eol = lineEndOf(text)
  const close = object.offset + object.length - 1
  const tail = text.slice(0, close).trimEnd().length
  const last = object.children?.at(-1)
  const isOneLine = !text.trim().includes('\n')
  if (isOneLine) {
    const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`
    if (last === undefined) return splice(text, close, close, member)
    const end = last.offset + last.length
    return hasComma(text, end, close)
      ? splice(text, tail, tail, `${member},`)
      : splice(text, end, end, `,${member}`)
  }
  const step = stepOf(text)
  const outer = indentAt(text, object.offset)
  const inner = last === undefined ? outer + step : innerIndent(text, object, outer + step)
  const body = render(value, step).replaceAll('\n', `\n${inner}`).replaceAll('\n', eol)
  const member = `${eol}${inner}${JSON.stringify(name)}: ${body}`
  if (last === undefined) return splice(text, tail, close, `${member}${eol}${outer}`)
  const end = last.offset + last.length
  // Right before the closing brace there may be a comment; the entry goes after it, the comma not.
  if (hasComma(text, end, close)) return splice(text, tail, tail, `${member},`)
  const closing = text.slice(tail, close).includes('\n') ? '' : `${eol}${outer}`
  return splice(splice(text, tail, tail, member + closing), end, end, ',')
}

function removeMember(text: string, object: Node, property: Node): string {
  const members = object.children ?? []
  const at = members.indexOf(property)
  const close = object.offset + object.length - 1
  const end = property.offset + property.length
  const comma = commaAfter(text, end, members[at + 1]?.offset ?? close)
  const start = text.slice(0, property.offset).trimEnd().length
  if (comma !== null) return splice(splice(text, comma, comma + 1, ''), start, end, '')
  const before = members[at - 1]
  const without = splice(text, start, end, '')
  if (before === undefined) {
    return start === object.offset + 1 && text.slice(end, close).trim() === ''
      ? splice(text, start, close, '')
      : without
  }
  const orphan = commaAfter(text, before.offset + before.length, property.offset)
  return orphan === null ? without : splice(without, orphan, orphan + 1, '')
}

function splice(text: string, from: number, to: number, put: string): string {
  return text.slice(0, from) + put + text.slice(to)
}

function hasComma(text: string, from: number, to: number): boolean {
  return commaAfter(text, from, to) !== null
}

// Between two members there is nothing but white space, comments and the comma.
function commaAfter(text: string, from: number, to: number): number | null {
  let at = from
  while (at < to) {
    if (text[at] === ',') return at
    if (text.startsWith('//', at)) at = endOr(text.indexOf('\n', at), to)
    else if (text.startsWith('/*', at)) at = endOr(text.indexOf('*/', at + 2) + 2, to)
    else at += 1
  }
  return null
}

function endOr(found: number, to: number): number {
  return found < 2 ? to : found
}

function stepOf(text: string): string {
  return /\n([ \t]+)["/]/.exec(text)?.[1] ?? '  '
}

function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

function innerIndent(text: string, object: Node, otherwise: string): string {
  const first = object.children?.[0]
  if (first === undefined) return otherwise
  const gap = text.slice(object.offset, first.offset)
  return gap.includes('\n') ? indentAt(text, first.offset) : otherwise
}

function render(value: object, step: string): string {
  return JSON.stringify(value, null, step)
}
