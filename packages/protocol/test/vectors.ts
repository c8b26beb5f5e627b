import { readFileSync } from 'node:fs'

/** A file of the repository's `vectors/`, which the Python tests read as well. */
export function loadVectors<T>(name: string): T {
  const url = new URL(`../../../../vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as T
}
