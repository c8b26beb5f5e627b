import { closestName } from '@latchgate/catalogue'
import type { LoadedConfig, OperatorCredential } from '@latchgate/gate'
import { shellWord } from '@latchgate/protocol'
import type { DPoPKeyPair } from '@latchgate/protocol/node'
import { CommandFailure } from './command-failure.js'
import { describeKeyFile, inspectKeyFile, keyFileOf } from './operator-key-file.js'

/** What an operator proves himself with. */
export interface OperatorKey {
  readonly apiKey: string
  readonly key: DPoPKeyPair
}

/** What was given on the command line or in the environment. */
export interface GivenOperator {
  /** Name of a credential in the configuration. */
  readonly operator?: string
  readonly operatorKey?: string
  readonly operatorPrivateKey?: string
}

type Named = readonly [name: string, credential: OperatorCredential]

/**
 * Finds the operator's key: given on the command line, chosen by name, the only credential of the
 * configuration, or the only one of several whose private key is on this machine.
 */
export function findOperator(loaded: LoadedConfig, given: GivenOperator): OperatorKey {
  const { operator, operatorKey, operatorPrivateKey } = given
  if (operatorKey !== undefined) {
    if (operator !== undefined) {
      throw failure(
        '--operator names a credential of the configuration, --operator-key is another',
        ['give one of the two (LATCHGATE_OPERATOR and LATCHGATE_OPERATOR_KEY count as well)'],
      )
    }
    if (operatorPrivateKey === undefined) {
      throw failure('--operator-key needs --operator-private-key (a PEM file)')
    }
    return { apiKey: operatorKey, key: readKey(operatorPrivateKey, undefined) }
  }
  const [name, credential] = choose(loaded, given)
  const file = operatorPrivateKey ?? keyFileOf(loaded, name)
  return { apiKey: credential.api_key, key: readKey(file, { name, jkt: credential.dpop_jkt }) }
}

function choose(loaded: LoadedConfig, given: GivenOperator): Named {
  const entries = Object.entries(loaded.config.operator_credentials)
  const names = entries.map(([name]) => name)
  const [first, second] = entries
  if (first === undefined && loaded.file === null) {
    throw failure('there is no project in or above this directory, and so no operator', [
      'set one up with: latchgate up -d; or name its file with --config PATH',
    ])
  }
  if (first === undefined) {
    throw failure('there are no operator credentials in the configuration', [
      'add [operator_credentials.<name>] (`latchgate operator keygen` writes the block), or pass ' +
        '--operator-key and --operator-private-key',
    ])
  }
  if (given.operator !== undefined) {
    const named = entries.find(([name]) => name === given.operator)
    if (named !== undefined) return named
    const near = closestName(given.operator, names)
    throw failure(`there is no operator '${given.operator}' in the configuration`, [
      near === undefined ? `there are: ${names.join(', ')}` : `did you mean --operator ${near}?`,
    ])
  }
  if (second === undefined) return first
  const fitting = entries.filter(([name, credential]) => {
    const file = given.operatorPrivateKey ?? keyFileOf(loaded, name)
    return inspectKeyFile(file, credential.dpop_jkt).state === 'fits'
  })
  const [one, another] = fitting
  if (one !== undefined && another === undefined) return one
  const shown = fitting.length > 1 ? fitting.map(([name]) => name) : names
  const why =
    fitting.length > 1
      ? `the private keys of several operators are on this machine: ${shown.join(', ')}`
      : `there are several operators (${shown.join(', ')}), and none of their keys is on this machine`
  throw failure(why, ['choose one with --operator NAME; `latchgate operator list` shows them'])
}

function readKey(
  file: string,
  bound: { readonly name: string; readonly jkt: string | undefined } | undefined,
): DPoPKeyPair {
  const found = inspectKeyFile(file, bound?.jkt)
  switch (found.state) {
    case 'fits':
    case 'unbound':
      return found.key
    case 'absent':
      throw failure(`there is no operator's private key at ${file}`, [
        'pass --operator-private-key PATH',
      ])
    case 'exposed':
      throw failure(`the operator's private key ${file} ${describeKeyFile(found)}`, [
        `run: chmod 600 ${shellWord(file)}`,
      ])
    case 'differs':
      throw failure(
        `the private key ${file} is not the one of operator '${bound?.name ?? ''}': its thumbprint ` +
          `is ${found.key.thumbprint}, the configuration says ${bound?.jkt ?? ''}`,
        ['pass --operator-private-key PATH, or --operator NAME for another operator'],
      )
    case 'unusable':
      throw failure(`cannot use the operator's private key ${file}: ${found.why}`)
  }
}

function failure(message: string, hints: readonly string[] = []): CommandFailure {
  return new CommandFailure('operator_key', message, { hints })
}
