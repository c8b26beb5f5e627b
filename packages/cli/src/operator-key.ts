import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type LoadedConfig, shellWord } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { CommandFailure } from './command-failure.js'

/** What an operator proves himself with. */
export interface OperatorKey {
  readonly apiKey: string
  readonly key: DPoPKeyPair
}

/** What was given on the command line or in the environment. */
export interface GivenOperator {
  readonly operatorKey?: string
  readonly operatorPrivateKey?: string
}

/** Finds the operator's key: given on the command line, or the one credential of the project. */
export function findOperator(loaded: LoadedConfig, given: GivenOperator): OperatorKey {
  const { operatorKey, operatorPrivateKey } = given
  if (operatorKey !== undefined) {
    if (operatorPrivateKey === undefined) {
      throw failure('--operator-key needs --operator-private-key (a PEM file)')
    }
    return { apiKey: operatorKey, key: readKey(operatorPrivateKey) }
  }
  const entries = Object.entries(loaded.config.operator_credentials)
  const [first, second] = entries
  if (first === undefined) {
    throw failure('there are no operator credentials in the configuration', [
      'add [operator_credentials.<name>], or pass --operator-key and --operator-private-key',
    ])
  }
  if (second !== undefined) {
    const names = entries.map(([name]) => name).join(', ')
    throw failure(`there are several operator credentials: ${names}`, [
      'choose one with --operator-key and --operator-private-key',
    ])
  }
  const [name, credential] = first
  const base = loaded.file === null ? loaded.root : dirname(loaded.file)
  const file = operatorPrivateKey ?? join(base, 'operators', `${name}.pem`)
  return { apiKey: credential.api_key, key: readKey(file) }
}

function readKey(file: string): DPoPKeyPair {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) {
    throw failure(`there is no operator's private key at ${file}`, [
      'pass --operator-private-key PATH',
    ])
  }
  // As ssh does: a key that others can read is no key of this operator alone.
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8)
    throw failure(`the operator's private key ${file} has mode 0${mode}: others could use it`, [
      `run: chmod 600 ${shellWord(file)}`,
    ])
  }
  try {
    return DPoPKeyPair.fromPemFile(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw failure(`cannot use the operator's private key ${file}: ${why}`)
  }
}

function failure(message: string, hints: readonly string[] = []): CommandFailure {
  return new CommandFailure('operator_key', message, { hints })
}
