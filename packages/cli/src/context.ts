import { type LoadedConfig, loadConfig } from '@latchgate/gate'
import { createOutput, type Output, type Streams } from './output.js'

/** Options of every command, before or after its name. */
export interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
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
}

/** What the options and the environment say, an empty value counting as absent. */
export function contextOf(given: GlobalOptions, streams: Streams, cwd: string): Context {
  const { env } = streams
  const key = given.operatorKey ?? env['LATCHGATE_OPERATOR_KEY'] ?? ''
  const privateKey = given.operatorPrivateKey ?? env['LATCHGATE_OPERATOR_PRIVATE_KEY'] ?? ''
  const { operatorKey: _key, operatorPrivateKey: _privateKey, ...others } = given
  const options: GlobalOptions = {
    ...others,
    ...(key === '' ? {} : { operatorKey: key }),
    ...(privateKey === '' ? {} : { operatorPrivateKey: privateKey }),
  }
  return {
    output: createOutput(options.json === true, streams),
    streams,
    cwd,
    options,
    load: () => loadConfig(options.config, { env, cwd }),
  }
}
