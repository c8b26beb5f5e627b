import { DPoPKeyPair, PrivateFileError, readPrivateFile } from '@latchgate/protocol/node'

/**
 * Reads the private key of a registered agent: P-256, PEM, PKCS#8 or SEC1 (design 10). Throws a
 * `TypeError` that says what is wrong and what to do; it never shows what the file holds.
 */
export function readKeyFile(path: string): DPoPKeyPair {
  const pem = readKey(path)
  try {
    return DPoPKeyPair.fromPem(pem)
  } catch (cause) {
    // The cause names no part of the key; OpenSSL's messages do not quote their input.
    const form = 'a P-256 private key in PEM without a pass phrase'
    throw new TypeError(`the key file ${path} does not hold ${form}`, { cause })
  }
}

function readKey(path: string): string {
  try {
    return readPrivateFile('the key file', path)
  } catch (cause) {
    // What cannot be used as an option is a TypeError, as of every option.
    if (cause instanceof PrivateFileError) throw new TypeError(cause.message, { cause })
    throw cause
  }
}
