/** The configuration cannot be used; `problems` name key, cause and remedy, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** The file, or where else the values came from. */
  readonly source: string
  readonly problems: readonly string[]

  private constructor(message: string, source: string, problems: readonly string[]) {
    super(message)
    this.source = source
    this.problems = problems
  }

  /** The file could not be read at all (spec/cli-and-config 4.1). */
  static unreadable(file: string, why: string): ConfigError {
    return new ConfigError(`failed to read config file '${file}': ${why}`, file, [why])
  }

  /** What was read says something that cannot be. */
  static unusable(source: string, problems: readonly string[]): ConfigError {
    return new ConfigError(
      `failed to parse config: ${source}: ${problems.join('; ')}`,
      source,
      problems,
    )
  }
}
