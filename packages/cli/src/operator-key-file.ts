import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LoadedConfig } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'

/** How a private key on this machine stands to the thumbprint that a credential is bound to. */
export type KeyFile =
  | { readonly state: 'absent' }
  /** Others may read it; it is not even opened. */
  | { readonly state: 'exposed'; readonly mode: string }
  | { readonly state: 'unusable'; readonly why: string }
  /** `unbound`: the credential names no thumbprint. */
  | { readonly state: 'fits' | 'differs' | 'unbound'; readonly key: DPoPKeyPair }

/** Where an operator's private key is looked for: beside the configuration. */
export function keyFileOf(loaded: LoadedConfig, name: string): string {
  const base = loaded.file === null ? loaded.root : dirname(loaded.file)
  return join(base, 'operators', `${name}.pem`)
}

/** Looks at a private key; `jkt` is the thumbprint that it must have. */
export function inspectKeyFile(file: string, jkt: string | undefined): KeyFile {
  let key: DPoPKeyPair
  try {
    const stats = statSync(file, { throwIfNoEntry: false })
    if (stats === undefined) return { state: 'absent' }
    // As ssh does: a key that others can read is no key of this operator alone.
    if ((stats.mode & 0o077) !== 0) {
      return { state: 'exposed', mode: `0${(stats.mode & 0o777).toString(8)}` }
    }
    key = DPoPKeyPair.fromPemFile(file)
  } catch (error) {
    return { state: 'unusable', why: error instanceof Error ? error.message : String(error) }
  }
  if (jkt === undefined) return { state: 'unbound', key }
  return { state: key.thumbprint === jkt ? 'fits' : 'differs', key }
}

/** The state of a private key in words that go on after its path. */
export function describeKeyFile(file: KeyFile): string {
  switch (file.state) {
    case 'absent':
      return 'is not on this machine'
    case 'exposed':
      return `has mode ${file.mode}: others could use it`
    case 'unusable':
      return `cannot be used: ${file.why}`
    case 'fits':
      return 'fits'
    case 'differs':
      return `has another thumbprint: ${file.key.thumbprint}`
    case 'unbound':
      return 'is here; the credential names no thumbprint'
  }
}
