import { findConfigFile, type LoadedConfig, loadConfig } from '@latchgate/gate'
import { createOutput, type Output, type Streams } from './output.js'

/** Options of every command, before or after its name. */
export interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
  /** Which operator of the configuration. */
  readonly operator?: string
  readonly operatorKey?: string
  readonly operatorPrivateKey?: string
}

/** What every command gets. */
export interface Context {
  readonly output: Output
  readonly streams: Streams
  readonly cwd: string
  readonly options: GlobalOptions
  /** Loads the configuration; throws a `ConfigError` when it cannot be used. */
  readonly load: () => LoadedConfig
  /** Where it would be loaded from, without reading it. */
  readonly find: () => { readonly file: string | null; readonly source: string }
}

/** What the options and the environment say, an empty value counting as absent. */
export function contextOf(given: GlobalOptions, streams: Streams, cwd: string): Context {
  const { env } = streams
  const operator = given.operator ?? env['LATCHGATE_OPERATOR'] ?? ''
  const key = given.operatorKey ?? env['LATCHGATE_OPERATOR_KEY'] ?? ''
  const privateKey = given.operatorPrivateKey ?? env['LATCHGATE_OPERATOR_PRIVATE_KEY'] ?? ''
  const {
    operator: _operator,
    operatorKey: _key,
    operatorPrivateKey: _privateKey,
    ...others
  } = given
  const options: GlobalOptions = {
    ...others,
    ...(operator === '' ? {} : { operator }),
    ...(key === '' ? {} : { operatorKey: key }),
    ...(privateKey === '' ? {} : { operatorPrivateKey: privateKey }),
  }
  return {
    output: createOutput(options.json === true, streams),
    streams,
    cwd,
    options,
    load: () => loadConfig(options.config, { env, cwd }),
    find: () => {
      const { file, label } = findConfigFile(options.config, { env, cwd })
      return { file, source: label }
    },
  }
}
