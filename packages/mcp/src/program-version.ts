import { readFileSync } from 'node:fs'

/** The version of this package, which the server tells its clients. */
export const VERSION: string = readVersion()

function readVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  return (manifest as { readonly version: string }).version
}
