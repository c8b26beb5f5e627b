import { StartupError } from '../config/posture.js'
import { Secret, type SecretSource } from './port.js'
import { secretValueProblem } from './value-bounds.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Secrets from environment variables: `<prefix>NAME` holds the secret NAME (design 8, Sources). The
 * variables are read once, when the gate starts: an environment is not a place where a value can be
 * changed. An empty variable is a missing secret.
 *
 * @throws {StartupError} naming a variable whose value cannot be a secret.
 */
export class EnvironmentSecrets implements SecretSource {
  readonly #secrets: ReadonlyMap<string, Secret>

  constructor(environment: Environment, prefix: string) {
    this.#secrets = new Map(
      Object.entries(environment).flatMap(([variable, value]): [string, Secret][] => {
        const isSecret = variable.startsWith(prefix) && variable.length > prefix.length
        if (!isSecret || value === undefined || value === '') return []
        const problem = secretValueProblem(value)
        if (problem !== null) {
          throw new StartupError('config_validation_failed', `secret ${variable} ${problem}`)
        }
        return [[variable.slice(prefix.length), new Secret(value)]]
      }),
    )
  }

  async get(name: string): Promise<Secret | undefined> {
    return this.#secrets.get(name)
  }
}
