import { isAbsolute, join } from 'node:path'
import { err, type Json, JsonFault, type JsonObject, ok, parseJson } from '@latchgate/protocol'
import type { ReadSchema } from '../manifest/read-io.js'
import { readInside } from './manifest-file.js'

/** Reads schema files beside the manifests of a directory, given as its real path (spec 3.3). */
export function schemaReader(root: string): ReadSchema {
  return (path) => {
    if (isAbsolute(path) || path.split(/[/\\]/).includes('..')) {
      return err(`path traversal rejected: '${path}' must stay in the directory of the manifest`)
    }
    const file = join(root, path)
    const read = readInside(root, file)
    return read.ok ? parseSchema(read.value, path) : err(`'${path}': ${read.error.problem}`)
  }
}

function parseSchema(bytes: Uint8Array, path: string): ReturnType<ReadSchema> {
  try {
    const schema = parseJson(bytes)
    return isObject(schema) ? ok(schema) : err(`'${path}' does not hold a JSON object`)
  } catch (error) {
    if (error instanceof JsonFault) return err(`'${path}' is not JSON: ${error.message}`)
    throw error
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
