import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A first-party provider as it is registered with the sandbox. */
export interface ProviderModule {
  /** Manifests refer to it as `builtin:<name>`. */
  readonly name: string
  readonly bytes: Uint8Array
  /** `sha256:` and 64 hex digits, over `bytes`. */
  readonly digest: string
}

const ASSETS = new URL('../../assets/', import.meta.url)

/**
 * `builtin:http_api`: one HTTP request, its answer as a document (spec/actions-and-providers 8.1).
 * Throws when the module on disk is not the one whose digest was committed with it: code that nobody
 * reviewed must not run.
 */
export function httpApiModule(): ProviderModule {
  return verifyModule(
    'http_api',
    readFileSync(new URL('http_api.wasm', ASSETS)),
    readFileSync(new URL('digests.json', ASSETS), 'utf8'),
  )
}

/** Compares a module with the digest document beside it; throws when they do not belong together. */
export function verifyModule(name: string, bytes: Uint8Array, digests: string): ProviderModule {
  const file = `${name}.wasm`
  const expected = (JSON.parse(digests) as Readonly<Record<string, unknown>>)[file]
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  if (digest === expected) return { name, bytes, digest }
  throw new Error(
    `${file} has the digest ${digest}, but digests.json says ${String(expected)}: ` +
      'install @latchgate/providers again',
  )
}
