import { readFileSync } from 'node:fs'
import { type JsonObject, parseJson } from '@latchgate/protocol'
import { type PolicyData, PolicyDataError, parsePolicyData } from './data-document.js'
import { policyDataDigest } from './policy-document.js'

/** `data.json` as it was read: its bytes, what they say with comments, and the rights in them. */
export interface PolicyFile {
  readonly bytes: Uint8Array
  readonly document: JsonObject
  readonly data: PolicyData
  readonly digest: string
}

/** Name of the file in answers, which do not tell where on the machine it lies. */
export const POLICY_FILE_NAME = 'policies/data.json'

/** `data.json` cannot be used. The message names no directory. */
export class PolicyFileError extends Error {
  /** `unreadable`: the system says no. `invalid`: what it says is not a valid document. */
  readonly kind: 'unreadable' | 'invalid'

  constructor(kind: 'unreadable' | 'invalid', message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'PolicyFileError'
    this.kind = kind
  }
}

/** Reads and validates `data.json`; null when there is none. Throws `PolicyFileError`. */
export function readPolicyFile(path: string): PolicyFile | null {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    const message = `cannot read ${POLICY_FILE_NAME} (${code ?? String(cause)})`
    throw new PolicyFileError('unreadable', message, { cause })
  }
  return parsePolicyFile(bytes)
}

function parsePolicyFile(bytes: Uint8Array): PolicyFile {
  try {
    const data = parsePolicyData(bytes)
    // An object: the validation has just seen to it.
    const document = parseJson(bytes) as JsonObject
    return { bytes, document, data, digest: policyDataDigest(data) }
  } catch (cause) {
    if (!(cause instanceof PolicyDataError)) throw cause
    const message = `${POLICY_FILE_NAME}: ${cause.message}`
    throw new PolicyFileError('invalid', message, { cause })
  }
}
