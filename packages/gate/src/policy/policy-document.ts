import type { Json, JsonObject } from '@latchgate/protocol'
import { digest } from '@latchgate/protocol/node'
import type { PolicyData } from './data-document.js'
import { isObject } from './document-reader.js'

/**
 * `sha256:` digest of the rights in a document: its validated form in JCS. Comments, order and white
 * space make no difference.
 */
export function policyDataDigest(data: PolicyData): string {
  return digest(data)
}

/** The text of `data.json`. */
export function documentText(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

/** The value at a path of own members, or undefined. */
export function valueAt(document: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = document
  for (const name of path) {
    // Not what every object inherits: a principal may be called `constructor`.
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}

/** The document with a value at a path; comments and the order of everything else stay. */
export function withValueAt(
  document: JsonObject,
  path: readonly string[],
  value: Json,
): JsonObject {
  const [name, ...rest] = path
  if (name === undefined) throw new TypeError('a value needs a path')
  if (rest.length === 0) return { ...document, [name]: value }
  const child = valueAt(document, [name])
  return { ...document, [name]: withValueAt(isObject(child) ? child : {}, rest, value) }
}

/** The document without what is at a path, and without the objects below `kept` that empties. */
export function withoutValueAt(
  document: JsonObject,
  path: readonly string[],
  kept: number = path.length - 1,
): JsonObject {
  const [name, ...rest] = path
  if (name === undefined || !Object.hasOwn(document, name)) return document
  const child = document[name]
  const others = (): JsonObject =>
    Object.fromEntries(Object.entries(document).filter(([member]) => member !== name))
  if (rest.length === 0 || !isObject(child)) return others()
  const left = withoutValueAt(child, rest, kept - 1)
  return kept < 1 && Object.keys(left).length === 0 ? others() : { ...document, [name]: left }
}

/**
 * The version after an edit (spec/http-api 12.7): `team-12` becomes `team-13`, `v1` becomes `v1-1`, and
 * a document without a version begins with `v1`.
 */
export function nextVersion(version: string): string {
  if (version === '') return 'v1'
  const numbered = /^(.*)-([0-9]+)$/su.exec(version)
  if (numbered === null) return `${version}-1`
  return `${numbered[1] ?? ''}-${BigInt(numbered[2] ?? '0') + 1n}`
}
